// Reads tiles in a directory or at an address with the libraries of the Go checksum database, whose formats C2SP tlog-tiles took over, and proves and
// checks with them: go run . DIRECTORY_OR_ADDRESS VERIFIER_KEY INDEX OLD_SIZE
package main

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	height  = 8
	longest = 1 << 20
)

// place reads tiles as tlog-tiles names them: without the height, which is always 8.
type place string

func (p place) Height() int                     { return height }
func (p place) SaveTiles([]tlog.Tile, [][]byte) {}

func (p place) read(path string) ([]byte, error) {
	if !strings.HasPrefix(string(p), "http://") {
		return os.ReadFile(filepath.Join(string(p), path))
	}
	answer, err := http.Get(string(p) + "/" + path)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", path, answer.Status)
	}
	return io.ReadAll(io.LimitReader(answer.Body, longest))
}

func (p place) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var found [][]byte
	for _, tile := range tiles {
		raw, err := p.read("tile/" + strings.TrimPrefix(tile.Path(), "tile/8/"))
		if err != nil {
			return nil, err
		}
		found = append(found, raw)
	}
	return found, nil
}

// entry gives an entry from its bundle.
func (p place) entry(index, size int64) ([]byte, error) {
	tile := tlog.Tile{H: height, L: 0, N: index >> height, W: int(min(size-index>>height<<height, 1<<height))}
	raw, err := p.read("tile/entries/" + strings.TrimPrefix(tile.Path(), "tile/8/0/"))
	if err != nil {
		return nil, err
	}
	for skip := index % (1 << height); ; skip-- {
		if len(raw) < 2 || len(raw)-2 < int(binary.BigEndian.Uint16(raw)) {
			return nil, fmt.Errorf("the bundle is cut off")
		}
		length := int(binary.BigEndian.Uint16(raw)) + 2
		if skip == 0 {
			return raw[2:length], nil
		}
		raw = raw[length:]
	}
}

// checkpoint opens the note and gives the tree that it signs.
func (p place) checkpoint(key string) (tree tlog.Tree, err error) {
	raw, err := p.read("checkpoint")
	if err != nil {
		return tree, err
	}
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return tree, err
	}
	opened, err := note.Open(raw, note.VerifierList(verifier))
	if err != nil {
		return tree, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() {
		return tree, fmt.Errorf("not a checkpoint of this origin")
	}
	if tree.N, err = strconv.ParseInt(lines[1], 10, 64); err != nil {
		return tree, err
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize {
		return tree, fmt.Errorf("not a root")
	}
	tree.Hash = tlog.Hash(root)
	return tree, nil
}

func run(folder place, key string, index, old int64) error {
	tree, err := folder.checkpoint(key)
	if err != nil {
		return err
	}
	hashes := tlog.TileHashReader(tree, folder)
	entry, err := folder.entry(index, tree.N)
	if err != nil {
		return err
	}
	inclusion, err := tlog.ProveRecord(tree.N, index, hashes)
	if err != nil {
		return err
	}
	if err := tlog.CheckRecord(inclusion, tree.N, tree.Hash, index, tlog.RecordHash(entry)); err != nil {
		return err
	}
	before, err := tlog.TreeHash(old, hashes)
	if err != nil {
		return err
	}
	consistency, err := tlog.ProveTree(tree.N, old, hashes)
	if err != nil {
		return err
	}
	if err := tlog.CheckTree(consistency, tree.N, tree.Hash, old, before); err != nil {
		return err
	}
	fmt.Println(tree.N, before)
	for _, each := range inclusion {
		fmt.Println("inclusion", each)
	}
	for _, each := range consistency {
		fmt.Println("consistency", each)
	}
	return nil
}

func main() {
	if len(os.Args) != 5 {
		fmt.Fprintln(os.Stderr, "DIRECTORY_OR_ADDRESS VERIFIER_KEY INDEX OLD_SIZE")
		os.Exit(2)
	}
	index, first := strconv.ParseInt(os.Args[3], 10, 64)
	old, second := strconv.ParseInt(os.Args[4], 10, 64)
	if first != nil || second != nil {
		fmt.Fprintln(os.Stderr, "INDEX and OLD_SIZE are numbers")
		os.Exit(2)
	}
	if err := run(place(os.Args[1]), os.Args[2], index, old); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
