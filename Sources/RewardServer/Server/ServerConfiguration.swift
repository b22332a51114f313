package import RewardWire

/// How a server listens and what it takes.
package struct ServerConfiguration: Sendable {
    /// Where it listens, at least one.
    package var addresses: [BindAddress]
    /// What one message may hold.
    package var limits = MessageLimits()
    /// The queue's bounds, the batch size and the wait for fuller batches.
    package var queue = SchedulerLimits()
    /// What connections may cost.
    package var connections = ConnectionBounds()
    /// How it encrypts, and who may connect. Nil: in the clear, everyone.
    package var security: ServerSecurity?
    /// How long it says that it is not ready before it refuses new work, so that balancers can turn away. The default
    /// is none: both begin at once.
    package var unreadyTime = Duration.zero
    /// How long a drain may take, from its request to the end of `run`. What is not done shortly before is answered as
    /// draining. The default is 30 s.
    package var drainTime = Duration.seconds(30)
    /// Replies kept by libzmq for a client that does not read them. The default is 32; the next ones wait for
    /// `readerPatience`.
    package var repliesPerClient = 32
    /// How long a client may take none of the replies that wait for it before it loses them, and all it has queued. The
    /// default is 1 s.
    package var readerPatience = Duration.seconds(1)
    /// Messages of one client that wait in memory before the network's own back pressure. The default is 8.
    package var messagesPerClient = 8

    /// Is told what happens, on the sockets' thread: it must not wait for anything.
    package var observe: @Sendable (ServerEvent) -> Void = { _ in }

    /// Takes every answered request with its answer, on the sockets' thread: it must not wait. Nil: nothing is recorded,
    /// and frames are let go as soon as they are decoded.
    package var record: (@Sendable (RecordedExchange) -> Void)?
    /// Logs prompts. The default is not to.
    package var logsPrompts = false

    package init(addresses: [BindAddress]) {
        self.addresses = addresses
    }

    var queueLimits: ReplyWriter.QueueLimits {
        .init(
            maxBatch: queue.maxBatch, maxQueuedItems: queue.maxQueuedItems, maxQueuedBytes: queue.maxQueuedBytes,
            maxClients: connections.maxClients, maxUnreadBytes: connections.maxUnreadBytes,
            maxWrongPerSecond: connections.maxWrongPerSecond, maxPartialBytes: connections.maxPartialBytes)
    }
}
