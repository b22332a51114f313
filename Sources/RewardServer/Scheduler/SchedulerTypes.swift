/// Names a request: request ids are the client's own.
package struct JobKey: Sendable, Hashable {
    package var client: [UInt8]
    package var request: [UInt8]

    package init(client: [UInt8], request: [UInt8]) {
        self.client = client
        self.request = request
    }
}

/// Names one item of a request.
package struct Ticket: Sendable, Hashable {
    package var key: JobKey
    package var index: Int

    package init(key: JobKey, index: Int) {
        self.key = key
        self.index = index
    }
}

/// What is queued: anything, and how many bytes it holds while it waits.
package struct SchedulerItem<Payload> {
    package var payload: Payload
    package var bytes: Int

    package init(_ payload: Payload, bytes: Int) {
        precondition(bytes >= 0, "sizes are not negative")
        self.payload = payload
        self.bytes = bytes
    }
}

extension SchedulerItem: Sendable where Payload: Sendable {}

/// The scheduler's bounds.
package struct SchedulerLimits: Sendable, Equatable {
    /// Most items that go through the engine together. The default is 8.
    package var maxBatch: Int
    /// How long an idle engine waits for a fuller batch. The default is 0: it starts at once.
    package var maxDelay: Duration
    /// Most items waiting. The default is 256.
    package var maxQueuedItems: Int
    /// Most bytes waiting. The default is 1 GiB.
    package var maxQueuedBytes: Int
    /// Bounds of the retry delay told to refused clients. The default is 50 ms to 60 s.
    package var retryDelay: ClosedRange<Duration>

    package init(
        maxBatch: Int = 8, maxDelay: Duration = .zero, maxQueuedItems: Int = 256, maxQueuedBytes: Int = 1 << 30,
        retryDelay: ClosedRange<Duration> = .milliseconds(50)...(.seconds(60))
    ) {
        precondition(maxBatch > 0 && maxQueuedItems > 0 && maxQueuedBytes > 0, "bounds are positive")
        self.maxBatch = maxBatch
        self.maxDelay = maxDelay
        self.maxQueuedItems = maxQueuedItems
        self.maxQueuedBytes = maxQueuedBytes
        self.retryDelay = retryDelay
    }
}

/// Why a request was not accepted.
package enum SchedulerRefusal: Error, Sendable, Equatable {
    case draining
    /// The same client's request with this id has not been answered yet.
    case duplicate
    case empty
    /// The deadline had passed on arrival.
    case expired
    /// More than the whole queue holds: trying again cannot help.
    case tooLarge(items: Int, bytes: Int)
    case overloaded(retryAfter: Duration)
}
