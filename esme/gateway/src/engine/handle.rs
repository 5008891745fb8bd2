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
        /// Room in the inbox, given back when the command is dropped.
        _room: OwnedSemaphorePermit,
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

/// Why the engine does not take a command. Nothing of it was accepted.
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
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InboxFull => f.write_str("the inbox is full"),
            Self::Stopping => f.write_str("Signalbox is stopping"),
            Self::DiskFull => f.write_str("the disk is nearly full; no new messages are taken"),
            Self::StoreFailed(reason) => write!(f, "the store cannot be written: {reason}"),
        }
    }
}

/// A clone for everybody who talks to the engine.
#[derive(Clone)]
pub struct EngineHandle {
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) room: Arc<Semaphore>,
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
        let count = u32::try_from(messages.len()).map_err(|_| Refusal::InboxFull)?;
        let room = Arc::clone(&self.room)
            .try_acquire_many_owned(count)
            .map_err(|_| Refusal::InboxFull)?;
        self.send_submit(messages, room).await
    }

    /// Submits messages of a stream: waits for room in the inbox, which slows the sender of the
    /// stream down.
    ///
    /// # Errors
    /// [`Refusal`], but not `InboxFull` unless there are more messages than the inbox can hold.
    pub async fn submit_waiting(&self, messages: Vec<Message>) -> Result<Submitted, Refusal> {
        let count = u32::try_from(messages.len()).map_err(|_| Refusal::InboxFull)?;
        let room = Arc::clone(&self.room)
            .acquire_many_owned(count)
            .await
            .map_err(|_| Refusal::Stopping)?;
        self.send_submit(messages, room).await
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
            _room: room,
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
