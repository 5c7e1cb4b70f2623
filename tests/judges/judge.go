// Judge: reads mails with Go's net/mail, mime and mime/multipart and tells what it saw. Standard input is NDJSON
// {"id", "mail": base64}; each answer is one line with the same id. Standard library only.
package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"os"
	"strings"
)

type leaf struct {
	Type string `json:"type"`
	Name string `json:"name"`
	Sha  string `json:"sha"`
}

type answer struct {
	ID      string   `json:"id"`
	Subject string   `json:"subject"`
	Names   []string `json:"names"`
	Leaves  []leaf   `json:"leaves"`
	Error   string   `json:"error"`
}

func read(octets []byte, found *answer) error {
	message, err := mail.ReadMessage(bytes.NewReader(octets))
	if err != nil {
		return err
	}
	if found.Subject, err = new(mime.WordDecoder).DecodeHeader(message.Header.Get("Subject")); err != nil {
		return err
	}
	from, err := message.Header.AddressList("From")
	if err != nil {
		return err
	}
	for _, each := range from {
		found.Names = append(found.Names, each.Name)
	}
	return walk(message.Header.Get, message.Body, found)
}

func walk(field func(string) string, body io.Reader, found *answer) error {
	kind, parameters, err := mime.ParseMediaType(field("Content-Type"))
	if err != nil {
		return err
	}
	if !strings.HasPrefix(kind, "multipart/") {
		octets, err := io.ReadAll(body)
		if err != nil {
			return err
		}
		_, disposition, _ := mime.ParseMediaType(field("Content-Disposition"))
		sum := sha256.Sum256(octets)
		found.Leaves = append(found.Leaves, leaf{kind, disposition["filename"], hex.EncodeToString(sum[:])})
		return nil
	}
	reader := multipart.NewReader(body, parameters["boundary"])
	for {
		part, err := reader.NextRawPart()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := walk(part.Header.Get, part, found); err != nil {
			return err
		}
	}
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<26)
	output := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var question struct{ ID, Mail string }
		if err := json.Unmarshal(lines.Bytes(), &question); err != nil {
			panic(err)
		}
		found := answer{ID: question.ID, Names: []string{}, Leaves: []leaf{}}
		octets, err := base64.StdEncoding.DecodeString(question.Mail)
		if err == nil {
			err = read(octets, &found)
		}
		if err != nil {
			found.Error = err.Error()
		}
		if err := output.Encode(found); err != nil {
			panic(err)
		}
	}
}
