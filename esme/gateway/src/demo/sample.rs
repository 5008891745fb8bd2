//! The messages that the demo sends, and what is to become of each.

use signalbox_router::State;

/// One message.
pub(super) struct Sample {
    pub(super) to: &'static str,
    pub(super) from: &'static str,
    pub(super) text: &'static str,
    pub(super) priority: &'static str,
    /// What it shows.
    pub(super) shows: &'static str,
    pub(super) expected: State,
}

const fn sample(
    shows: &'static str,
    to: &'static str,
    from: &'static str,
    text: &'static str,
) -> Sample {
    Sample {
        to,
        from,
        text,
        priority: "normal",
        shows,
        expected: State::Delivered,
    }
}

/// Numbers under +999 belong to nobody: the simulator treats them as orders.
pub(super) const SAMPLES: &[Sample] = &[
    sample(
        "a short text",
        "+491700000001",
        "100",
        "Hello from Signalbox",
    ),
    sample(
        "an alphanumeric sender",
        "+491700000002",
        "SIGNALBOX",
        "Your code is 493817",
    ),
    sample(
        "GSM 7-bit with the euro sign",
        "+491700000003",
        "100",
        "Balance: €12.50 {ok} [paid]",
    ),
    sample(
        "a long text, in three parts",
        "+491700000004",
        "100",
        "This message is longer than the 160 characters that fit into one short message. It is \
         cut into parts of 153 characters, each part carries a header that tells the phone how to \
         join them, every part gets its own response and its own receipt from the message centre, \
         and only when all of them have arrived is the whole message called delivered. Nothing of \
         this is visible to the application.",
    ),
    sample(
        "UCS-2: Cyrillic and an emoji",
        "+491700000005",
        "100",
        "Привет, мир 🚦",
    ),
    Sample {
        priority: "highest",
        ..sample(
            "highest priority",
            "+491700000006",
            "100",
            "Alarm: pump 3 has stopped",
        )
    },
    sample(
        "its receipt overtakes the response",
        "+999000000011",
        "100",
        "Faster than light",
    ),
    sample(
        "its receipt comes twice",
        "+999000000012",
        "100",
        "Once is enough",
    ),
    Sample {
        expected: State::Failed,
        ..sample(
            "a number that cannot be reached",
            "+999000000001",
            "100",
            "Are you there?",
        )
    },
];
