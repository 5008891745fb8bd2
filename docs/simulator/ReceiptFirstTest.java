// A client must cope with a receipt that comes before its response.
// JUnit 5, org.jsmpp:jsmpp, com.fasterxml.jackson.core:jackson-databind; smsc-sim in PATH.
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.net.URI;
import java.net.http.*;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jsmpp.bean.*;
import org.jsmpp.session.*;
import org.junit.jupiter.api.Test;

class ReceiptFirstTest {
    @Test
    void receiptBeforeResponse() throws Exception {
        var process = new ProcessBuilder("smsc-sim", "--smpp-port", "0", "--http-port", "0").start();
        try (var stdout = process.inputReader()) {
            var smsc = new ObjectMapper().readTree(stdout.readLine());
            var address = smsc.get("smpp").asText().split(":");
            List<String> seen = new CopyOnWriteArrayList<>();
            var session = new SMPPSession();
            session.setMessageReceiverListener(new ReceiptListener(() -> seen.add("receipt")));
            session.connectAndBind(address[0], Integer.parseInt(address[1]), new BindParameter(
                BindType.BIND_TRX, "shop", "secret", "", TypeOfNumber.UNKNOWN,
                NumberingPlanIndicator.UNKNOWN, null));
            session.submitShortMessage("", TypeOfNumber.UNKNOWN, NumberingPlanIndicator.UNKNOWN, "100",
                TypeOfNumber.INTERNATIONAL, NumberingPlanIndicator.ISDN, "99911", new ESMClass(),
                (byte) 0, (byte) 0, null, null, new RegisteredDelivery(SMSCDeliveryReceipt.SUCCESS_FAILURE),
                (byte) 0, new GeneralDataCoding(), (byte) 0, "hi".getBytes());
            seen.add("response");
            assertEquals(List.of("receipt", "response"), seen);

            var wanted = "{\"match\": {\"to\": \"99911\", \"text\": \"hi\"}, \"count\": {\"exactly\": 1}}";
            var url = URI.create("http://" + smsc.get("http").asText() + "/api/v1/smscs/main/verify");
            var request = HttpRequest.newBuilder(url).POST(HttpRequest.BodyPublishers.ofString(wanted));
            var answer = HttpClient.newHttpClient()
                .send(request.build(), HttpResponse.BodyHandlers.ofString());
            assertEquals(200, answer.statusCode(), answer.body());
            session.unbindAndClose();
        } finally {
            process.destroy();
        }
    }

    private record ReceiptListener(Runnable onReceipt) implements MessageReceiverListener {
        public void onAcceptDeliverSm(DeliverSm pdu) { onReceipt.run(); }
        public void onAcceptAlertNotification(AlertNotification pdu) {}
        public DataSmResult onAcceptDataSm(DataSm pdu, Session source) { return null; }
    }
}
