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
    /// Items went into the engine together.
    case batchStarted(items: Int)
    case batchFinished(items: Int, seconds: Duration)
    /// A client's connection ended: so much of its open work was dropped.
    case clientGone(requests: Int, queuedItems: Int)
    /// A client does not read: its reply and so much of its work was dropped.
    case clientStuck(requests: Int, queuedItems: Int)
    /// The server closed a connection.
    case closed(Connections.Offence)
}
