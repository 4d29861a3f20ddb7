"""The companion without its installed command: `python -m agent run --config FILE`."""

from agent.command import main

if __name__ == "__main__":
    main()
