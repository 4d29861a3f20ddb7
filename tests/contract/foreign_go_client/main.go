// Command client reads a dock over HTTP with nothing of ours: Go's own HTTP, TLS and
// transparency log.
//
//	client VKEY URL [OLDSIZE...]               plain
//	client -tls CA CERT KEY VKEY URL [OLDSIZE...]
//
// It opens the checkpoint, authenticates tiles against its root, compares every record of
// every bundle with its hash, has the server prove the last record, and that the log begins
// with each OLDSIZE. Prints "<origin> <size>", or fails and says why.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type dock struct {
	url    string
	client *http.Client
}

func (d dock) get(path, kind string) ([]byte, error) {
	answer, err := d.client.Get(d.url + path)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", path, answer.Status)
	}
	if got := answer.Header.Get("Content-Type"); got != kind {
		return nil, fmt.Errorf("%s: content type %q", path, got)
	}
	return io.ReadAll(io.LimitReader(answer.Body, 32<<20))
}

func (d dock) Height() int { return 8 }

func (d dock) SaveTiles([]tlog.Tile, [][]byte) {}

func (d dock) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, t := range tiles {
		// x/mod writes tile/<height>/<level>/...; tlog-tiles has no height.
		path := strings.Replace(t.Path(), "tile/8/", "/tile/", 1)
		data, err := d.get(path, "application/octet-stream")
		if err != nil {
			return nil, err
		}
		all = append(all, data)
	}
	return all, nil
}

func (d dock) records(n int64, width int) ([][]byte, error) {
	path := strings.Replace(tlog.Tile{H: 8, L: 0, N: n, W: width}.Path(), "tile/8/0/", "/tile/entries/", 1)
	data, err := d.get(path, "application/octet-stream")
	if err != nil {
		return nil, err
	}
	var all [][]byte
	for len(data) > 0 {
		if len(data) < 2 || len(data) < 2+int(binary.BigEndian.Uint16(data)) {
			return nil, fmt.Errorf("%s: torn", path)
		}
		end := 2 + int(binary.BigEndian.Uint16(data))
		all = append(all, data[2:end])
		data = data[end:]
	}
	if len(all) != width {
		return nil, fmt.Errorf("%s: %d records, not %d", path, len(all), width)
	}
	return all, nil
}

func (d dock) proof(path string) ([]tlog.Hash, error) {
	data, err := d.get("/v1/proofs/"+path, "application/json")
	if err != nil {
		return nil, err
	}
	var told struct{ Proof []string }
	if err := json.Unmarshal(data, &told); err != nil {
		return nil, err
	}
	var hashes []tlog.Hash
	for _, text := range told.Proof {
		raw, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(raw) != tlog.HashSize {
			return nil, fmt.Errorf("%s: bad hash %q", path, text)
		}
		var hash tlog.Hash
		copy(hash[:], raw)
		hashes = append(hashes, hash)
	}
	return hashes, nil
}

func (d dock) head(vkey string) (string, tlog.Tree, error) {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return "", tlog.Tree{}, err
	}
	data, err := d.get("/checkpoint", "text/plain; charset=utf-8")
	if err != nil {
		return "", tlog.Tree{}, err
	}
	opened, err := note.Open(data, note.VerifierList(verifier))
	if err != nil {
		return "", tlog.Tree{}, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() {
		return "", tlog.Tree{}, fmt.Errorf("not a checkpoint of %s", verifier.Name())
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return "", tlog.Tree{}, err
	}
	root, err := tlog.ParseHash(lines[2])
	if err != nil {
		return "", tlog.Tree{}, err
	}
	return lines[0], tlog.Tree{N: size, Hash: root}, nil
}

func (d dock) check(vkey string, olds []string) (string, int64, error) {
	origin, tree, err := d.head(vkey)
	if err != nil {
		return "", 0, err
	}
	reader := tlog.TileHashReader(tree, d)
	for first := int64(0); first < tree.N; first += 256 {
		width := 256
		if tree.N-first < 256 {
			width = int(tree.N - first)
		}
		records, err := d.records(first/256, width)
		if err != nil {
			return "", 0, err
		}
		var indexes []int64
		for i := range records {
			indexes = append(indexes, tlog.StoredHashIndex(0, first+int64(i)))
		}
		hashes, err := reader.ReadHashes(indexes)
		if err != nil {
			return "", 0, err
		}
		for i, record := range records {
			if tlog.RecordHash(record) != hashes[i] {
				return "", 0, fmt.Errorf("record %d is not the one in the tree", first+int64(i))
			}
		}
		if first+int64(width) == tree.N {
			path := fmt.Sprintf("inclusion?index=%d&size=%d", tree.N-1, tree.N)
			proof, err := d.proof(path)
			if err != nil {
				return "", 0, err
			}
			if err := tlog.CheckRecord(proof, tree.N, tree.Hash, tree.N-1, hashes[width-1]); err != nil {
				return "", 0, err
			}
		}
	}
	for _, text := range olds {
		old, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return "", 0, err
		}
		hash, err := tlog.TreeHash(old, reader)
		if err != nil {
			return "", 0, err
		}
		proof, err := d.proof(fmt.Sprintf("consistency?from=%d&to=%d", old, tree.N))
		if err != nil {
			return "", 0, err
		}
		if err := tlog.CheckTree(proof, tree.N, tree.Hash, old, hash); err != nil {
			return "", 0, err
		}
	}
	return origin, tree.N, nil
}

func connect(arguments []string) ([]string, *http.Client, error) {
	if arguments[0] != "-tls" {
		return arguments, http.DefaultClient, nil
	}
	pem, err := os.ReadFile(arguments[1])
	if err != nil {
		return nil, nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	pair, err := tls.LoadX509KeyPair(arguments[2], arguments[3])
	if err != nil {
		return nil, nil, err
	}
	config := &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{pair}}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: config}}
	return arguments[4:], client, nil
}

func main() {
	arguments, client, err := connect(os.Args[1:])
	if err == nil {
		var origin string
		var size int64
		origin, size, err = dock{arguments[1], client}.check(arguments[0], arguments[2:])
		if err == nil {
			fmt.Println(origin, size)
			return
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
