// Reads everything that a participant publishes with torchwood, a client for C2SP tlog-tiles that others wrote, and holds it against the verifier key and
// against checkpoints that somebody kept: go run ./whole ADDRESS VERIFIER_KEY [KEPT_CHECKPOINT ...]. Prints the tree, and each entry as it stands there.
package main

import (
	"context"
	"fmt"
	"os"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// remembered asks for no tile twice.
type remembered struct {
	torchwood.TileReader
	known map[tlog.Tile][]byte
}

func (r remembered) ReadTiles(ctx context.Context, tiles []tlog.Tile) ([][]byte, error) {
	var missing []tlog.Tile
	for _, tile := range tiles {
		if _, found := r.known[tile]; !found {
			missing = append(missing, tile)
		}
	}
	if len(missing) > 0 {
		read, err := r.TileReader.ReadTiles(ctx, missing)
		if err != nil {
			return nil, err
		}
		for place, tile := range missing {
			r.known[tile] = read[place]
		}
	}
	found := make([][]byte, len(tiles))
	for place, tile := range tiles {
		found[place] = r.known[tile]
	}
	return found, nil
}

// opened gives the checkpoint that a note holds, if this key signed it for the origin that is the key's name.
func opened(raw []byte, verifier note.Verifier) (torchwood.Checkpoint, error) {
	signed, err := note.Open(raw, note.VerifierList(verifier))
	if err != nil {
		return torchwood.Checkpoint{}, err
	}
	checkpoint, err := torchwood.ParseCheckpoint(signed.Text)
	if err == nil && checkpoint.Origin != verifier.Name() {
		err = fmt.Errorf("a checkpoint of %s", checkpoint.Origin)
	}
	return checkpoint, err
}

// entries gives all of them in order, each held by the client against its tile; and proves the inclusion of each.
func entries(ctx context.Context, client *torchwood.Client, tree tlog.Tree) error {
	// The client leaves a partial bundle for the next round.
	for next := int64(0); next < tree.N; {
		begun := next
		for index, entry := range client.Entries(ctx, tree, next) {
			proven, proof, err := client.Entry(ctx, tree, index)
			if err != nil {
				return err
			}
			if err := tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(entry)); err != nil {
				return err
			}
			if string(proven) != string(entry) {
				return fmt.Errorf("entry %d is two", index)
			}
			fmt.Println(index, string(entry))
			next = index + 1
		}
		if err := client.Err(); err != nil {
			return err
		}
		if next == begun {
			return fmt.Errorf("no entry %d", next)
		}
	}
	return nil
}

// continues proves that the tree goes on where a checkpoint that was kept ended.
func continues(ctx context.Context, tiles torchwood.TileReader, tree tlog.Tree, file string, verifier note.Verifier) error {
	raw, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	kept, err := opened(raw, verifier)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	proof, err := tlog.ProveTree(tree.N, kept.N, torchwood.TileHashReaderWithContext(ctx, tree, tiles))
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if err := tlog.CheckTree(proof, tree.N, tree.Hash, kept.N, kept.Hash); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

func run(address, key string, kept []string) error {
	ctx := context.Background()
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return err
	}
	fetcher, err := torchwood.NewTileFetcher(address)
	if err != nil {
		return err
	}
	tiles := remembered{fetcher, map[tlog.Tile][]byte{}}
	raw, err := tiles.ReadEndpoint(ctx, "checkpoint")
	if err != nil {
		return err
	}
	checkpoint, err := opened(raw, verifier)
	if err != nil {
		return err
	}
	fmt.Println(checkpoint.Origin, checkpoint.N, checkpoint.Hash)
	client, err := torchwood.NewClient(tiles)
	if err != nil {
		return err
	}
	if err := entries(ctx, client, checkpoint.Tree); err != nil {
		return err
	}
	for _, file := range kept {
		if err := continues(ctx, tiles, checkpoint.Tree, file, verifier); err != nil {
			return err
		}
	}
	return nil
}

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "ADDRESS VERIFIER_KEY [KEPT_CHECKPOINT ...]")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
