package import RewardModel

/// What happens in a server: everything worth counting goes through `ServerConfiguration.observe`.
package enum ServerEvent: Sendable, Equatable {
    /// A message came, of so many bytes.
    case received(bytes: Int)
    /// A reply was handed to the network.
    case sent(bytes: Int)
    /// A request was taken into the queue.
    case accepted(items: Int, bytes: Int)
    /// A message was answered without computing anything.
    case refused(FailureCode)
    /// An accepted request was answered; codes of its failed items, and its times.
    case answered(items: Int, failures: [FailureCode], queue: Duration, compute: Duration)
    /// The scores among the answers to a request, and how many of its items failed.
    case rewards([Scores], failed: Int)
    /// Items went into the engine together.
    case batchStarted(items: Int)
    case batchFinished(items: Int, seconds: Duration)
    /// What the engine spent on them.
    case batchTimes(BatchTimes)
    /// A client's connection ended: so much of its open work was dropped.
    case clientGone(requests: Int, queuedItems: Int)
    /// A client does not read: its reply and so much of its work was dropped.
    case clientStuck(requests: Int, queuedItems: Int)
    /// The server closed a connection.
    case closed(Connections.Offence)
    /// A request was written to the record, in so many bytes; or it was not, for want of time or room.
    case recorded(bytes: Int)
    case recordLost
    /// The sockets' thread has done everything there was to do.
    case turned(ServerState)
}

/// What a batch took, without the waits before and after.
package struct BatchTimes: Sendable, Equatable {
    /// Of each item: image and prompt from bytes.
    package var decode: [Duration] = []
    /// The model's pass; zero when no item came that far.
    package var model = Duration.zero
    /// Answers to bytes.
    package var encode = Duration.zero

    package init() {}
}
