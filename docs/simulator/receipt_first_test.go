// A client must cope with a receipt that comes before its response.
// go get github.com/fiorix/go-smpp/smpp; smsc-sim in PATH.
package receipt_test

import (
	"bufio"
	"encoding/json"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"github.com/fiorix/go-smpp/smpp"
	"github.com/fiorix/go-smpp/smpp/pdu"
	"github.com/fiorix/go-smpp/smpp/pdu/pdufield"
	"github.com/fiorix/go-smpp/smpp/pdu/pdutext"
)

func TestReceiptBeforeResponse(t *testing.T) {
	program := exec.Command("smsc-sim", "--smpp-port", "0", "--http-port", "0")
	stdout, _ := program.StdoutPipe()
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	defer program.Process.Kill()
	line, _ := bufio.NewReader(stdout).ReadBytes('\n')
	var smsc struct{ Smpp, Http string }
	if err := json.Unmarshal(line, &smsc); err != nil {
		t.Fatal(err)
	}

	seen := make(chan string, 2)
	client := &smpp.Transceiver{Addr: smsc.Smpp, User: "shop", Passwd: "secret",
		Handler: func(p pdu.Body) {
			if p.Header().ID == pdu.DeliverSMID {
				seen <- "receipt"
			}
		}}
	if status := <-client.Bind(); status.Status() != smpp.Connected {
		t.Fatal(status.Error())
	}
	defer client.Close()
	message := &smpp.ShortMessage{Src: "100", Dst: "99911", Text: pdutext.Raw("hi"),
		Register: pdufield.FinalDeliveryReceipt}
	if _, err := client.Submit(message); err != nil {
		t.Fatal(err)
	}
	seen <- "response"
	if first := <-seen; first != "receipt" {
		t.Fatalf("the %s came first", first)
	}

	wanted := strings.NewReader(`{"match": {"to": "99911", "text": "hi"}, "count": {"exactly": 1}}`)
	url := "http://" + smsc.Http + "/api/v1/smscs/main/verify"
	if answer, err := http.Post(url, "application/json", wanted); err != nil || answer.StatusCode != 200 {
		t.Fatal(answer, err)
	}
}
