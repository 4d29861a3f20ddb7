"""The ways to a recorder: a serial port, SCSI pass-through, USB control transfers, adb."""
