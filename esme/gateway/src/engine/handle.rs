//! How the API talks to the engine. Every way in has a limit, and at the limit nothing is half
//! accepted.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use signalbox_router::{CancelResult, Message, MessageId, SubmitResult};
use signalbox_store::Position;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

/// What the API asks of the engine.
pub(super) enum Command {
    /// Accept these messages.
    Submit {
        messages: Vec<Message>,
        reply: oneshot::Sender<Result<Submitted, Refusal>>,
        /// Room in the inbox, given back with the answer.
        room: OwnedSemaphorePermit,
    },
    /// Take a message back.
    Cancel {
        message: MessageId,
        account: Arc<str>,
        reply: oneshot::Sender<Result<CancelResult, Refusal>>,
    },
    /// Stop intake, let the channels finish, make everything durable, end.
    Stop,
}

/// Results of a submit, all on the disk.
#[derive(Debug)]
pub struct Submitted {
    /// One per message, in order.
    pub results: Vec<SubmitResult>,
}

/// Why the engine does not take a command. Nothing of it was accepted, but for `Undecided`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The inbox is full: try again soon.
    InboxFull,
    /// Signalbox is stopping.
    Stopping,
    /// The disk is nearly full: state changes still fit, new messages do not.
    DiskFull,
    /// The store cannot be written.
    StoreFailed(String),
    /// More messages at once than the inbox can ever hold.
    TooMany {
        /// How many it can hold.
        messages_max: usize,
    },
    /// The write failed and will be tried again: the messages may be sent, or may be lost with the
    /// process. The same request with the same idempotency key finds out.
    Undecided(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InboxFull => f.write_str("the inbox is full"),
            Self::Stopping => f.write_str("Signalbox is stopping"),
            Self::DiskFull => f.write_str("the disk is nearly full; no new messages are taken"),
            Self::StoreFailed(reason) => write!(f, "the store cannot be written: {reason}"),
            Self::TooMany { messages_max } => {
                write!(f, "more than {messages_max} messages at once; send NDJSON")
            }
            Self::Undecided(reason) => write!(
                f,
                "the write failed and will be tried again, so the messages may be sent or not; \
                 repeat the request with the same idempotency_key: {reason}"
            ),
        }
    }
}

/// A clone for everybody who talks to the engine.
#[derive(Clone)]
pub struct EngineHandle {
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) room: Arc<Semaphore>,
    pub(super) inbox_messages_max: usize,
    pub(super) shared: Arc<Shared>,
}

/// What the engine lets others see without asking.
pub(super) struct Shared {
    pub(super) committed: AtomicU64,
    pub(super) history: AtomicU64,
    pub(super) stopping: AtomicBool,
    pub(super) store_ready: AtomicBool,
}

impl EngineHandle {
    /// Submits messages and waits until they are on the disk.
    ///
    /// # Errors
    /// [`Refusal`]: nothing was accepted. `InboxFull` comes at once, without waiting.
    pub async fn submit(&self, messages: Vec<Message>) -> Result<Submitted, Refusal> {
        let count = self.room_for(&messages)?;
        let room = Arc::clone(&self.room)
            .try_acquire_many_owned(count)
            .map_err(|_| Refusal::InboxFull)?;
        self.send_submit(messages, room).await
    }

    /// Submits messages of a stream: waits for room in the inbox, which slows the sender of the
    /// stream down.
    ///
    /// # Errors
    /// [`Refusal`], but not `InboxFull`.
    pub async fn submit_waiting(&self, messages: Vec<Message>) -> Result<Submitted, Refusal> {
        let count = self.room_for(&messages)?;
        let room = Arc::clone(&self.room)
            .acquire_many_owned(count)
            .await
            .map_err(|_| Refusal::Stopping)?;
        self.send_submit(messages, room).await
    }

    /// Messages that the inbox can hold; more cannot be submitted at once.
    #[must_use]
    pub const fn inbox_messages_max(&self) -> usize {
        self.inbox_messages_max
    }

    fn room_for(&self, messages: &[Message]) -> Result<u32, Refusal> {
        let messages_max = self.inbox_messages_max;
        match u32::try_from(messages.len()) {
            Ok(count) if messages.len() <= messages_max => Ok(count),
            _ => Err(Refusal::TooMany { messages_max }),
        }
    }

    async fn send_submit(
        &self,
        messages: Vec<Message>,
        room: OwnedSemaphorePermit,
    ) -> Result<Submitted, Refusal> {
        let (reply, answer) = oneshot::channel();
        let command = Command::Submit {
            messages,
            reply,
            room,
        };
        self.commands
            .send(command)
            .await
            .map_err(|_| Refusal::Stopping)?;
        answer.await.map_err(|_| Refusal::Stopping)?
    }

    /// Takes a message back.
    ///
    /// # Errors
    /// [`Refusal`]: nothing was changed.
    pub async fn cancel(
        &self,
        message: MessageId,
        account: Arc<str>,
    ) -> Result<CancelResult, Refusal> {
        let (reply, answer) = oneshot::channel();
        let command = Command::Cancel {
            message,
            account,
            reply,
        };
        self.commands
            .send(command)
            .await
            .map_err(|_| Refusal::Stopping)?;
        answer.await.map_err(|_| Refusal::Stopping)?
    }

    /// Begins the end: new submits are refused from here on.
    pub async fn stop(&self) {
        self.shared.stopping.store(true, Ordering::Release);
        // An engine that is already gone needs no telling.
        let _ = self.commands.send(Command::Stop).await;
    }

    /// Everything up to here is on the disk; a read that must see it waits for the history to get
    /// there.
    #[must_use]
    pub fn committed(&self) -> Position {
        Position(self.shared.committed.load(Ordering::Acquire))
    }

    /// Everything up to here is in the history; older segments of the journal may go.
    pub fn history_reached(&self, position: Position) {
        self.shared.history.store(position.0, Ordering::Release);
    }

    /// Whether new messages are taken.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.shared.store_ready.load(Ordering::Acquire)
            && !self.shared.stopping.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;

    fn message() -> Message {
        Message {
            id: MessageId(1),
            kind: signalbox_router::Kind::Outgoing,
            account: Arc::from("shop"),
            from: String::new(),
            to: vec!["sms:1".into()],
            subject: String::new(),
            content: signalbox_router::Content::Text(String::new()),
            priority: signalbox_router::Priority::Normal,
            accepted_at: signalbox_router::Timestamp(1),
            not_before: signalbox_router::Timestamp(0),
            expires_at: signalbox_router::Timestamp(2),
            idempotency_key: String::new(),
            request_hash: 0,
            callback_url: Arc::default(),
            callback_states: signalbox_router::StateSet::NONE,
            parent: None,
            provider: None,
            metadata: Vec::new(),
            options: Vec::new(),
        }
    }

    /// Room is taken until the answer: what the engine has not answered for still counts.
    #[tokio::test]
    async fn a_full_inbox_refuses_at_once_and_has_room_again_after_the_answer() {
        let (commands, mut engine) = mpsc::channel(8);
        let shared = Arc::new(Shared {
            committed: AtomicU64::new(0),
            history: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
            store_ready: AtomicBool::new(true),
        });
        let handle = EngineHandle {
            commands,
            room: Arc::new(Semaphore::new(2)),
            inbox_messages_max: 2,
            shared,
        };
        let first = tokio::spawn({
            let handle = handle.clone();
            async move { handle.submit(vec![message(), message()]).await }
        });
        let Some(Command::Submit { reply, room, .. }) = engine.recv().await else {
            panic!("no submit");
        };
        let refusal = handle.submit(vec![message()]).await.unwrap_err();
        assert_eq!(refusal, Refusal::InboxFull);
        let refusal = handle
            .submit(vec![message(), message(), message()])
            .await
            .unwrap_err();
        assert_eq!(refusal, Refusal::TooMany { messages_max: 2 });

        assert!(
            reply
                .send(Ok(Submitted {
                    results: Vec::new()
                }))
                .is_ok()
        );
        drop(room);
        assert!(first.await.unwrap().is_ok());
        let again = tokio::spawn(async move { handle.submit(vec![message()]).await });
        assert!(engine.recv().await.is_some(), "there is room again");
        assert!(
            again.await.unwrap().is_err(),
            "the engine dropped the command"
        );
    }
}
