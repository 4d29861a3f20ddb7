// Command foreign speaks C2SP tlog-witness from both ends. Notes and trees are the Go
// project's own, golang.org/x/mod/sumdb; nothing here knows the code that it judges.
//
//	foreign witness LOGVKEY NAME SEEDHEX   serves a witness; prints its address and its vkey
//	foreign log URL LOGSKEY WITNESSVKEY    submits a growing log, then what must be refused
package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// keyID is that of signed-note for a cosignature key of type 04.
func keyID(name string, public ed25519.PublicKey) uint32 {
	sum := sha256.Sum256([]byte(name + "\n\x04" + string(public)))
	return binary.BigEndian.Uint32(sum[:])
}

func message(when uint64, text string) []byte {
	return []byte(fmt.Sprintf("cosignature/v1\ntime %d\n%s", when, text))
}

// parseHead reads the three lines of a checkpoint.
func parseHead(text string) (string, tlog.Tree, error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[3] != "" {
		return "", tlog.Tree{}, fmt.Errorf("not three lines: %q", text)
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

// -- the witness ---------------------------------------------------------------

type witness struct {
	sync.Mutex
	log  note.Verifier
	name string
	key  ed25519.PrivateKey
	held tlog.Tree
	last []byte
}

func (w *witness) line(text string) string {
	when := uint64(time.Now().Unix())
	public := w.key.Public().(ed25519.PublicKey)
	data := binary.BigEndian.AppendUint32(nil, keyID(w.name, public))
	data = binary.BigEndian.AppendUint64(data, when)
	data = append(data, ed25519.Sign(w.key, message(when, text))...)
	return fmt.Sprintf("\u2014 %s %s\n", w.name, base64.StdEncoding.EncodeToString(data))
}

func (w *witness) add(answer http.ResponseWriter, request *http.Request) {
	w.Lock()
	defer w.Unlock()
	body, err := io.ReadAll(io.LimitReader(request.Body, 1<<20))
	if err != nil {
		http.Error(answer, err.Error(), 400)
		return
	}
	head, signed, ok := bytes.Cut(body, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	if !ok || len(lines) > 64 || !strings.HasPrefix(lines[0], "old ") {
		http.Error(answer, "malformed", 400)
		return
	}
	old, err := strconv.ParseInt(lines[0][4:], 10, 64)
	if err != nil || strconv.FormatInt(old, 10) != lines[0][4:] {
		http.Error(answer, "malformed old size", 400)
		return
	}
	var proof tlog.TreeProof
	for _, each := range lines[1:] {
		hash, err := tlog.ParseHash(each)
		if err != nil {
			http.Error(answer, "malformed proof", 400)
			return
		}
		proof = append(proof, hash)
	}
	if !strings.HasPrefix(string(signed), w.log.Name()+"\n") {
		http.Error(answer, "unknown log", 404)
		return
	}
	opened, err := note.Open(signed, note.VerifierList(w.log))
	if err != nil {
		http.Error(answer, err.Error(), 403)
		return
	}
	_, tree, err := parseHead(opened.Text)
	switch {
	case err != nil:
		http.Error(answer, err.Error(), 400)
		return
	case old > tree.N:
		http.Error(answer, "old is larger", 400)
		return
	case old != w.held.N:
		answer.Header().Set("Content-Type", "text/x.tlog.size")
		answer.WriteHeader(409)
		fmt.Fprintf(answer, "%d\n", w.held.N)
		return
	case old == 0 || old == tree.N:
		if len(proof) > 0 || (old == tree.N && old > 0 && tree.Hash != w.held.Hash) {
			http.Error(answer, "no proof is due, or another root", 422)
			return
		}
	default:
		if err := tlog.CheckTree(proof, tree.N, tree.Hash, w.held.N, w.held.Hash); err != nil {
			http.Error(answer, err.Error(), 422)
			return
		}
	}
	line := w.line(opened.Text)
	w.held, w.last = tree, append(append([]byte{}, signed...), line...)
	answer.Header().Set("Content-Type", "text/plain; charset=utf-8")
	io.WriteString(answer, line)
}

func (w *witness) show(answer http.ResponseWriter, request *http.Request) {
	w.Lock()
	defer w.Unlock()
	name := sha256.Sum256([]byte(w.log.Name()))
	if request.URL.Path != "/"+hex.EncodeToString(name[:])+"/checkpoint" || w.last == nil {
		http.NotFound(answer, request)
		return
	}
	answer.Header().Set("Content-Type", "text/plain; charset=utf-8")
	answer.Write(w.last)
}

func serve(vkey, name, seed string) {
	verifier, err := note.NewVerifier(vkey)
	fail(err)
	raw, err := hex.DecodeString(seed)
	fail(err)
	key := ed25519.NewKeyFromSeed(raw)
	w := &witness{log: verifier, name: name, key: key}
	mux := http.NewServeMux()
	mux.HandleFunc("/add-checkpoint", w.add)
	mux.HandleFunc("/", w.show)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	fail(err)
	public := key.Public().(ed25519.PublicKey)
	encoded := base64.StdEncoding.EncodeToString(append([]byte{4}, public...))
	fmt.Printf("http://%s\n%s+%08x+%s\n", listener.Addr(), name, keyID(name, public), encoded)
	fail(http.Serve(listener, mux))
}

// -- the log -------------------------------------------------------------------

type log struct {
	signer note.Signer
	hashes []tlog.Hash
	size   int64
}

func (l *log) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	var found []tlog.Hash
	for _, at := range indexes {
		found = append(found, l.hashes[at])
	}
	return found, nil
}

func (l *log) grow(size int64, branch string) {
	for ; l.size < size; l.size++ {
		more, err := tlog.StoredHashes(l.size, []byte(fmt.Sprintf("%s%d", branch, l.size)), l)
		fail(err)
		l.hashes = append(l.hashes, more...)
	}
}

// note returns the signed head, and body what is submitted from old on.
func (l *log) note() (string, []byte) {
	root, err := tlog.TreeHash(l.size, l)
	fail(err)
	text := fmt.Sprintf("%s\n%d\n%s\n", l.signer.Name(), l.size, root)
	signed, err := note.Sign(&note.Note{Text: text}, l.signer)
	fail(err)
	return text, signed
}

func (l *log) body(old int64) (string, []byte) {
	var out bytes.Buffer
	fmt.Fprintf(&out, "old %d\n", old)
	if 0 < old && old < l.size {
		proof, err := tlog.ProveTree(l.size, old, l)
		fail(err)
		for _, hash := range proof {
			fmt.Fprintln(&out, hash)
		}
	}
	text, signed := l.note()
	out.WriteByte('\n')
	out.Write(signed)
	return text, out.Bytes()
}

func post(url string, body []byte) (int, string, string) {
	answer, err := http.Post(url+"/add-checkpoint", "text/plain", bytes.NewReader(body))
	fail(err)
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	fail(err)
	return answer.StatusCode, answer.Header.Get("Content-Type"), string(data)
}

// checkLine verifies a cosignature line by the witness's key.
func checkLine(vkey, text, line string) error {
	parts := strings.SplitN(vkey, "+", 3)
	material, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || len(material) != 33 || material[0] != 4 {
		return fmt.Errorf("no cosigner key: %s", vkey)
	}
	prefix := "\u2014 " + parts[0] + " "
	if !strings.HasPrefix(line, prefix) || !strings.HasSuffix(line, "\n") {
		return fmt.Errorf("not a line by %s: %q", parts[0], line)
	}
	data, err := base64.StdEncoding.DecodeString(line[len(prefix) : len(line)-1])
	if err != nil || len(data) != 4+8+64 {
		return fmt.Errorf("not a signature: %q", line)
	}
	public := ed25519.PublicKey(material[1:])
	when := binary.BigEndian.Uint64(data[4:])
	if binary.BigEndian.Uint32(data) != keyID(parts[0], public) || when == 0 {
		return fmt.Errorf("another key, or no time: %q", line)
	}
	if !ed25519.Verify(public, message(when, text), data[12:]) {
		return fmt.Errorf("the cosignature does not verify: %q", line)
	}
	return nil
}

func demand(what string, got, want interface{}) {
	if got != want {
		fail(fmt.Errorf("%s: got %v, want %v", what, got, want))
	}
}

func submit(url, skey, vkey string) {
	signer, err := note.NewSigner(skey)
	fail(err)
	l, old := &log{signer: signer}, int64(0)
	for _, size := range []int64{1, 2, 2, 3, 255, 256, 257, 1000} {
		l.grow(size, "")
		text, body := l.body(old)
		status, kind, line := post(url, body)
		demand(fmt.Sprintf("size %d: %s", size, line), status, 200)
		demand("content type", kind, "text/plain; charset=utf-8")
		fail(checkLine(vkey, text, line))
		old = size
	}
	refusals(url, l)
	name := sha256.Sum256([]byte(signer.Name()))
	answer, err := http.Get(url + "/" + hex.EncodeToString(name[:]) + "/checkpoint")
	fail(err)
	data, err := io.ReadAll(answer.Body)
	fail(err)
	_, signed := l.note()
	if !bytes.HasPrefix(data, signed) {
		fail(fmt.Errorf("served %q, signed %q", data, signed))
	}
	fmt.Println("cosigned", l.size)
}

// refusals submits what a witness must not sign, from the size 1000 that it holds.
func refusals(url string, l *log) {
	_, body := l.body(3)
	status, kind, said := post(url, body)
	demand("another old size", status, 409)
	demand("its content type", kind, "text/x.tlog.size")
	demand("its body", said, "1000\n")
	fork := &log{signer: l.signer}
	fork.grow(1000, "other ")
	_, body = fork.body(1000)
	status, _, _ = post(url, body)
	demand("another root", status, 422)
	fork.grow(1500, "other ")
	_, body = fork.body(1000)
	status, _, _ = post(url, body)
	demand("another past", status, 422)
	status, _, _ = post(url, bytes.Replace(body, []byte("\n1500\n"), []byte("\n1501\n"), 1))
	demand("a changed text", status, 403)
	name := []byte(l.signer.Name())
	unknown := bytes.ReplaceAll(body, name, append(name, 'x'))
	status, _, _ = post(url, unknown)
	demand("an unknown log", status, 404)
	status, _, _ = post(url, bytes.Replace(body, []byte("old 1000"), []byte("old 1501"), 1))
	demand("an old size above", status, 400)
	status, _, _ = post(url, []byte("hello"))
	demand("no submission", status, 400)
}

func main() {
	switch {
	case len(os.Args) == 5 && os.Args[1] == "witness":
		serve(os.Args[2], os.Args[3], os.Args[4])
	case len(os.Args) == 5 && os.Args[1] == "log":
		submit(os.Args[2], os.Args[3], os.Args[4])
	default:
		fmt.Fprintln(os.Stderr, "usage: foreign witness|log ...")
		os.Exit(2)
	}
}
