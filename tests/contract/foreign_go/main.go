// Command foreign checks a log directory with the Go project's own verifier,
// golang.org/x/mod/sumdb: nothing here is ours but the reading of files.
//
//	foreign VKEY LOGDIR             prints "<origin> <size>", or fails and says why
//	foreign proofs VKEY LOGDIR      answers questions from standard input, a line each
//
// Each record is hashed and compared with its hash out of authenticated tiles;
// the first and last of each bundle are proved to be in the tree besides.
//
// Questions about proofs, with hashes in base 64; a proof is its hashes, then "." alone:
//
//	prove-record SIZE INDEX                          the proof, or "no: why"
//	prove-tree SIZE OLD                              the proof, or "no: why"
//	check-record SIZE ROOT INDEX LEAF PROOF...       "yes", or "no: why"
//	check-tree SIZE ROOT OLD OLDROOT PROOF...        "yes", or "no: why"
package main

import (
	"bufio"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type directory string

func (d directory) Height() int { return 8 }

func (d directory) SaveTiles([]tlog.Tile, [][]byte) {}

func (d directory) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, t := range tiles {
		// x/mod writes tile/<height>/<level>/...; tlog-tiles has no height.
		path := strings.Replace(t.Path(), "tile/8/", "tile/", 1)
		data, err := os.ReadFile(filepath.Join(string(d), path))
		if err != nil {
			return nil, err
		}
		all = append(all, data)
	}
	return all, nil
}

// entries returns the records of bundle n, of which there must be exactly width.
func (d directory) entries(n int64, width int) ([][]byte, error) {
	path := strings.Replace(tlog.Tile{H: 8, L: 0, N: n, W: width}.Path(), "tile/8/0/", "tile/entries/", 1)
	data, err := os.ReadFile(filepath.Join(string(d), path))
	if err != nil {
		return nil, err
	}
	var records [][]byte
	for len(data) > 0 {
		if len(data) < 2 || len(data) < 2+int(binary.BigEndian.Uint16(data)) {
			return nil, fmt.Errorf("%s: torn", path)
		}
		end := 2 + int(binary.BigEndian.Uint16(data))
		records = append(records, data[2:end])
		data = data[end:]
	}
	if len(records) != width {
		return nil, fmt.Errorf("%s: %d records, not %d", path, len(records), width)
	}
	return records, nil
}

// head opens the checkpoint: three lines, signed by the key, of the key's own log.
func head(vkey string, d directory) (string, tlog.Tree, error) {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return "", tlog.Tree{}, err
	}
	data, err := os.ReadFile(filepath.Join(string(d), "checkpoint"))
	if err != nil {
		return "", tlog.Tree{}, err
	}
	opened, err := note.Open(data, note.VerifierList(verifier))
	if err != nil {
		return "", tlog.Tree{}, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[3] != "" || lines[0] != verifier.Name() {
		return "", tlog.Tree{}, fmt.Errorf("not a checkpoint of %s: %q", verifier.Name(), opened.Text)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return "", tlog.Tree{}, err
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize {
		return "", tlog.Tree{}, fmt.Errorf("bad root %q", lines[2])
	}
	tree := tlog.Tree{N: size}
	copy(tree.Hash[:], root)
	return lines[0], tree, nil
}

// checkBundle checks that the tree has these records from index first on.
func (d directory) checkBundle(tree tlog.Tree, reader tlog.HashReader, first int64, records [][]byte) error {
	var indexes []int64
	for i := range records {
		indexes = append(indexes, tlog.StoredHashIndex(0, first+int64(i)))
	}
	hashes, err := reader.ReadHashes(indexes)
	if err != nil {
		return fmt.Errorf("records from %d: %v", first, err)
	}
	for i, record := range records {
		if tlog.RecordHash(record) != hashes[i] {
			return fmt.Errorf("record %d is not the one in the tree", first+int64(i))
		}
	}
	for _, id := range []int64{first, first + int64(len(records)) - 1} {
		proof, err := tlog.ProveRecord(tree.N, id, reader)
		if err != nil {
			return fmt.Errorf("record %d: %v", id, err)
		}
		hash := tlog.RecordHash(records[id-first])
		if err := tlog.CheckRecord(proof, tree.N, tree.Hash, id, hash); err != nil {
			return fmt.Errorf("record %d: %v", id, err)
		}
	}
	return nil
}

func check(vkey string, d directory) (string, int64, error) {
	origin, tree, err := head(vkey, d)
	if err != nil {
		return "", 0, err
	}
	reader := tlog.TileHashReader(tree, d)
	root, err := tlog.TreeHash(tree.N, reader)
	if err != nil {
		return "", 0, err
	}
	if root != tree.Hash {
		return "", 0, fmt.Errorf("the tiles give another root")
	}
	for first := int64(0); first < tree.N; first += 256 {
		width := 256
		if tree.N-first < 256 {
			width = int(tree.N - first)
		}
		records, err := d.entries(first/256, width)
		if err != nil {
			return "", 0, err
		}
		if err := d.checkBundle(tree, reader, first, records); err != nil {
			return "", 0, err
		}
	}
	return origin, tree.N, nil
}

// hashes reads hashes in base 64.
func hashes(words []string) ([]tlog.Hash, error) {
	var all []tlog.Hash
	for _, word := range words {
		data, err := base64.StdEncoding.DecodeString(word)
		if err != nil || len(data) != tlog.HashSize {
			return nil, fmt.Errorf("bad hash %q", word)
		}
		var hash tlog.Hash
		copy(hash[:], data)
		all = append(all, hash)
	}
	return all, nil
}

// spell writes a proof as a line.
func spell(proof []tlog.Hash) string {
	var words []string
	for _, hash := range proof {
		words = append(words, base64.StdEncoding.EncodeToString(hash[:]))
	}
	return strings.Join(append(words, "."), " ")
}

// answer answers one question; the reader gives the hashes of the log.
func answer(words []string, reader tlog.HashReader) (string, error) {
	if len(words) < 3 {
		return "", fmt.Errorf("no question: %q", words)
	}
	size, err := strconv.ParseInt(words[1], 10, 64)
	if err != nil {
		return "", err
	}
	if words[0] == "prove-record" || words[0] == "prove-tree" {
		n, err := strconv.ParseInt(words[2], 10, 64)
		if err != nil {
			return "", err
		}
		if words[0] == "prove-record" {
			proof, err := tlog.ProveRecord(size, n, reader)
			return spell(proof), err
		}
		proof, err := tlog.ProveTree(size, n, reader)
		return spell(proof), err
	}
	if len(words) < 5 {
		return "", fmt.Errorf("no question: %q", words)
	}
	n, err := strconv.ParseInt(words[3], 10, 64)
	if err != nil {
		return "", err
	}
	given, err := hashes(append([]string{words[2], words[4]}, words[5:]...))
	if err != nil {
		return "", err
	}
	switch words[0] {
	case "check-record":
		return "yes", tlog.CheckRecord(given[2:], size, given[0], n, given[1])
	case "check-tree":
		return "yes", tlog.CheckTree(given[2:], size, given[0], n, given[1])
	}
	return "", fmt.Errorf("no question: %q", words)
}

// converse answers every line of standard input with one line.
func converse(vkey string, d directory) error {
	_, tree, err := head(vkey, d)
	if err != nil {
		return err
	}
	reader := tlog.TileHashReader(tree, d)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		said, err := answer(strings.Fields(lines.Text()), reader)
		if err != nil {
			said = "no: " + strings.ReplaceAll(err.Error(), "\n", " ")
		}
		fmt.Println(said)
	}
	return lines.Err()
}

func main() {
	if len(os.Args) == 4 && os.Args[1] == "proofs" {
		if err := converse(os.Args[2], directory(os.Args[3])); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: foreign VKEY LOGDIR")
		os.Exit(2)
	}
	origin, size, err := check(os.Args[1], directory(os.Args[2]))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(origin, size)
}
