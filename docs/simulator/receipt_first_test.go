// A client must cope with a receipt that comes before its response.
// Nothing but Go's own library; smsc-sim in PATH. client stands for yours.
package receipt_test

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"
)

const (
	bindTransceiver = 9
	submitSm        = 4
	deliverSm       = 5
	response        = 0x80000000
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

	conn, err := net.Dial("tcp", smsc.Smpp)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	client := client{t, conn}
	client.send(bindTransceiver, 1, "shop\x00secret\x00\x00\x34\x00\x00\x00")
	client.read()
	client.send(submitSm, 2, "\x00\x00\x00100\x00\x01\x0199911\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x02hi")
	if first, second := client.read(), client.read(); first != deliverSm || second != submitSm|response {
		t.Fatalf("%#x came first, then %#x", first, second)
	}

	wanted := strings.NewReader(`{"match": {"to": "99911", "text": "hi"}, "count": {"exactly": 1}}`)
	url := "http://" + smsc.Http + "/api/v1/smscs/main/verify"
	if answer, err := http.Post(url, "application/json", wanted); err != nil || answer.StatusCode != 200 {
		t.Fatal(answer, err)
	}
}

// As little SMPP as it takes.
type client struct {
	t    *testing.T
	conn net.Conn
}

func (c client) send(command, sequence uint32, body string) {
	header := []uint32{uint32(16 + len(body)), command, 0, sequence}
	binary.Write(c.conn, binary.BigEndian, header)
	io.WriteString(c.conn, body)
}

// The command_id of the next PDU; a receipt is answered.
func (c client) read() uint32 {
	var header [4]uint32
	if err := binary.Read(c.conn, binary.BigEndian, &header); err != nil {
		c.t.Fatal(err)
	}
	io.CopyN(io.Discard, c.conn, int64(header[0])-16)
	if header[2] != 0 {
		c.t.Fatalf("command_status %#x", header[2])
	}
	if header[1] == deliverSm {
		c.send(deliverSm|response, header[3], "\x00")
	}
	return header[1]
}
