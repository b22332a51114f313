import RewardWire

/// Replies that found their connection's queue full. They wait in order, and a client that takes none of them for a
/// while is one that does not read: a burst of refusals alone can outrun the thread that puts them on the network.
struct HeldReplies {
    struct Reply {
        var frames: [[UInt8]]
        var route: Listener.Route

        var bytes: Int { frames.reduce(0) { $0 + $1.count } }
    }

    private struct Waiting {
        var replies: [Reply]
        /// When the connection last took one, or began not to.
        var since: Duration
    }

    private let patience: Duration
    private let most: Int
    private var waiting: [[UInt8]: Waiting] = [:]
    /// Connections that have been waited for in vain, with the last try. They are not waited for again until they take
    /// something, and what comes from them is answered only now and then, to see whether they do.
    private var deaf: [[UInt8]: Duration] = [:]
    private static let triesApart = Duration.milliseconds(10)
    /// More are forgotten: who does not read is found out again within `patience`.
    private static let mostDeaf = 4096

    /// - Parameters:
    ///   - patience: how long a connection may take nothing.
    ///   - most: replies held for one connection. The default is 1000.
    init(patience: Duration, most: Int = 1000) {
        self.patience = patience
        self.most = most
    }

    var isEmpty: Bool { waiting.isEmpty }
    var connections: [[UInt8]] { Array(waiting.keys) }

    /// When to try again. Nil: nothing waits.
    func nextTry(now: Duration) -> Duration? { waiting.isEmpty ? nil : now + .milliseconds(2) }

    /// True: what goes over this connection has to wait for what was held before.
    func isHolding(for connection: [UInt8]) -> Bool { waiting[connection] != nil }

    /// False: it is not worth waiting for.
    mutating func hold(_ frames: [[UInt8]], to route: Listener.Route, now: Duration) -> Bool {
        guard deaf[route.connection] == nil else { return false }
        guard (waiting[route.connection]?.replies.count ?? 0) < most else { return false }
        waiting[route.connection, default: Waiting(replies: [], since: now)].replies
            .append(Reply(frames: frames, route: route))
        return true
    }

    func first(for connection: [UInt8]) -> Reply? { waiting[connection]?.replies.first }

    /// The connection took its first held reply.
    mutating func removeFirst(for connection: [UInt8], now: Duration) {
        noteSent(over: connection)
        waiting[connection]?.replies.removeFirst()
        waiting[connection]?.since = now
        if waiting[connection]?.replies.isEmpty == true { waiting[connection] = nil }
    }

    /// The connection took a reply that was not held.
    mutating func noteSent(over connection: [UInt8]) {
        if !deaf.isEmpty { deaf[connection] = nil }
    }

    /// True: it has been waited for in vain, and has taken nothing since.
    func isDeaf(_ connection: [UInt8]) -> Bool { deaf[connection] != nil }

    /// The connection does not read. True: that is news.
    mutating func noteDeaf(_ connection: [UInt8], now: Duration) -> Bool {
        if deaf.count >= Self.mostDeaf { deaf = [:] }
        return deaf.updateValue(now, forKey: connection) == nil
    }

    /// Whether a message that came over a connection is worth an answer: a deaf one's hardly ever is, and a flood of
    /// them must not cost others their time.
    mutating func isWorthAnAnswer(to connection: [UInt8], now: Duration) -> Bool {
        guard let last = deaf[connection] else { return true }
        guard now - last >= Self.triesApart else { return false }
        deaf[connection] = now
        return true
    }

    /// What was held for a connection that has taken nothing for too long; it is held no more, and the connection is to
    /// be noted as deaf.
    mutating func giveUp(on connection: [UInt8], now: Duration) -> [Reply] {
        guard let entry = waiting[connection], now - entry.since >= patience else { return [] }
        waiting[connection] = nil
        return entry.replies
    }

    /// Drops what is held for a connection that is gone.
    mutating func forget(_ connection: [UInt8]) {
        waiting[connection] = nil
        deaf[connection] = nil
    }
}
