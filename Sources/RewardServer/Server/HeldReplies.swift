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
    /// Connections that have been waited for in vain. They are not waited for again until they take something.
    private var deaf: Set<[UInt8]> = []

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
        guard !deaf.contains(route.connection) else { return false }
        guard (waiting[route.connection]?.replies.count ?? 0) < most else { return false }
        waiting[route.connection, default: Waiting(replies: [], since: now)].replies
            .append(Reply(frames: frames, route: route))
        return true
    }

    func first(for connection: [UInt8]) -> Reply? { waiting[connection]?.replies.first }

    /// The connection took its first held reply.
    mutating func removeFirst(for connection: [UInt8], now: Duration) {
        waiting[connection]?.replies.removeFirst()
        waiting[connection]?.since = now
        if waiting[connection]?.replies.isEmpty == true { waiting[connection] = nil }
    }

    /// The connection took a reply that was not held.
    mutating func noteSent(over connection: [UInt8]) {
        if !deaf.isEmpty { deaf.remove(connection) }
    }

    /// What was held for a connection that has taken nothing for too long; it is held no more.
    mutating func giveUp(on connection: [UInt8], now: Duration) -> [Reply] {
        guard let entry = waiting[connection], now - entry.since >= patience else { return [] }
        waiting[connection] = nil
        deaf.insert(connection)
        return entry.replies
    }

    /// Drops what is held for a connection that is gone.
    mutating func forget(_ connection: [UInt8]) {
        waiting[connection] = nil
        deaf.remove(connection)
    }
}
