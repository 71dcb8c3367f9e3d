// Asks a question and prints the reply while it is made. A connection that breaks is gone on with.
//
//	AEROCHAT_API_KEY=… go run ask.go "where is my order?"
//
// Nothing but the standard library. CHAT_URL names a server that is elsewhere.
package main

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"strings"
	"time"
)

// An event of a stream. On the live feed its data are a frame, whose own data are within.
type event struct {
	id, name string
	data     struct {
		ConversationID string `json:"conversation_id"`
		Text           string
		Data           struct{ Text string }
	}
}

var errRefused = errors.New("the server refuses")

var (
	origin = "http://127.0.0.1:8080"
	shown  string
)

// Sends a request and hands on its events until one is the last.
func follow(request *http.Request, take func(event) (last bool)) (ended bool, err error) {
	request.Header.Set("X-AeroChat-API-Key", os.Getenv("AEROCHAT_API_KEY"))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false, err
	}
	defer response.Body.Close()
	if response.StatusCode >= 300 {
		return false, fmt.Errorf("%w: %s", errRefused, response.Status)
	}
	var next event
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch name {
		case "id":
			next.id = value
		case "event":
			next.name = value
		case "data":
			if err := json.Unmarshal([]byte(value), &next.data); err != nil {
				return false, err
			}
		case "":
			if next.name != "" && take(next) {
				return true, nil
			}
			next = event{}
		}
	}
	return false, lines.Err()
}

// Prints what is new of a reply.
func show(text string) {
	if len(text) > len(shown) {
		fmt.Print(text[len(shown):])
	}
	shown = text
}

func ask(question string) error {
	body, err := json.Marshal(map[string]string{"message": question})
	if err != nil {
		return err
	}
	url := origin + "/bot/v1/conversations/messages/stream"
	request, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	// The same key sends the message once, however often this has to be tried.
	key := make([]byte, 16)
	rand.Read(key)
	request.Header.Set("Idempotency-Key", hex.EncodeToString(key))
	request.Header.Set("Content-Type", "application/json")
	var last, conversation string
	ended, err := follow(request, func(event event) bool {
		last = event.id
		switch event.name {
		case "start":
			conversation = event.data.ConversationID
		case "chunk":
			show(shown + event.data.Text)
		}
		return event.name == "end"
	})
	if ended {
		return nil
	}
	if conversation == "" {
		return fmt.Errorf("cannot ask: %w", err)
	}

	// Cut: the live feed goes on after the last event, in the middle of the reply too.
	for ; !ended; time.Sleep(500 * time.Millisecond) {
		url := origin + "/live/v1/conversations/" + conversation + "/stream"
		request, err := http.NewRequest(http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		request.Header.Set("Last-Event-ID", last)
		ended, err = follow(request, func(event event) bool {
			last = event.id
			switch event.name {
			case "reply.started", "reply.restarted":
				shown = ""
			case "reply.chunk":
				show(shown + event.data.Data.Text)
			case "message.outbound":
				show(event.data.Data.Text)
				return true
			case "conversation.escalated", "reply.failed", "reply.discarded":
				return true
			}
			return false
		})
		if errors.Is(err, errRefused) {
			return err
		}
	}
	return nil
}

func main() {
	if url := os.Getenv("CHAT_URL"); url != "" {
		origin = url
	}
	question := strings.Join(os.Args[1:], " ")
	if question == "" {
		question = "where is my order?"
	}
	if err := ask(question); err != nil {
		log.Fatal(err)
	}
	fmt.Println()
}
