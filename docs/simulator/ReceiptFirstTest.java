// A client must cope with a receipt that comes before its response.
// JUnit 5 and nothing else; smsc-sim in PATH. Client stands for yours.
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.*;
import java.net.*;
import java.net.http.*;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

class ReceiptFirstTest {
    static final int BIND_TRANSCEIVER = 9, SUBMIT_SM = 4, DELIVER_SM = 5;
    static final int SUBMIT_SM_RESP = 0x80000004, DELIVER_SM_RESP = 0x80000005;

    @Test
    void receiptBeforeResponse() throws Exception {
        var process = new ProcessBuilder("smsc-sim", "--smpp-port", "0", "--http-port", "0").start();
        try (var stdout = process.inputReader()) {
            var ready = stdout.readLine();
            try (var client = new Client(address(ready, "smpp"))) {
                client.send(BIND_TRANSCEIVER, 1, "shop\0secret\0\0" + (char) 0x34 + "\0\0\0");
                client.read();
                client.send(SUBMIT_SM, 2, "\0\0\0" + "100\0\1\1" + "99911\0\0\0\0\0\0\1\0\0\0\2hi");
                var seen = List.of(client.read(), client.read());
                assertEquals(List.of(DELIVER_SM, SUBMIT_SM_RESP), seen);
            }
            var wanted = "{\"match\": {\"to\": \"99911\", \"text\": \"hi\"}, \"count\": {\"exactly\": 1}}";
            var http = address(ready, "http");
            var url = URI.create("http://" + http.getHostString() + ":" + http.getPort()
                + "/api/v1/smscs/main/verify");
            var request = HttpRequest.newBuilder(url).POST(HttpRequest.BodyPublishers.ofString(wanted));
            var answer = HttpClient.newHttpClient()
                .send(request.build(), HttpResponse.BodyHandlers.ofString());
            assertEquals(200, answer.statusCode(), answer.body());
        } finally {
            process.destroy();
        }
    }

    /** An address of the ready line. */
    static InetSocketAddress address(String ready, String name) {
        var found = Pattern.compile('"' + name + "\":\"([^\"]+):(\\d+)\"").matcher(ready);
        found.find();
        return new InetSocketAddress(found.group(1), Integer.parseInt(found.group(2)));
    }

    /** As little SMPP as it takes. */
    static class Client implements AutoCloseable {
        final Socket socket;

        Client(InetSocketAddress address) throws IOException {
            socket = new Socket(address.getAddress(), address.getPort());
            socket.setSoTimeout(10_000);
        }

        void send(int command, int sequence, String body) throws IOException {
            var octets = body.getBytes("ISO-8859-1");
            var pdu = ByteBuffer.allocate(16 + octets.length).putInt(16 + octets.length);
            pdu.putInt(command).putInt(0).putInt(sequence).put(octets);
            socket.getOutputStream().write(pdu.array());
        }

        /** The command_id of the next PDU; a receipt is answered. */
        int read() throws IOException {
            var input = new DataInputStream(socket.getInputStream());
            int length = input.readInt(), command = input.readInt(), status = input.readInt();
            int sequence = input.readInt();
            input.readFully(new byte[length - 16]);
            assertEquals(0, status);
            if (command == DELIVER_SM) send(DELIVER_SM_RESP, sequence, "\0");
            return command;
        }

        public void close() throws IOException {
            socket.close();
        }
    }
}
