import CZeroMQ
import Glibc

/// Who is connected, and what each connection costs: what libzmq holds for a connection can be seen only by counting
/// the bytes of its socket.
///
/// The socket's monitor tells when a connection ends, so that its work can be dropped at once. Messages that have begun
/// and not ended are held by libzmq without any limit of its own; the connection with too much of them is closed.
package struct Connections {
    /// Why a connection was closed.
    package enum Offence: String, Sendable, CaseIterable {
        case partialMessage = "a message that does not end"
        case wrongMessages = "too many wrong messages"
        case revoked = "its key was revoked"
        case tooMany = "too many connections"
    }

    private struct Entry {
        var client: [UInt8]?
        var user: String?
        /// Bytes received when the last whole message was read, and at the last look.
        var wholeAt: UInt64 = 0
        var receivedAt: UInt64 = 0
        /// Bytes that may come without being taken for a message: heartbeats.
        var allowance = 256.0
        /// Bytes of replies handed over and not acknowledged, and what was acknowledged at the last look.
        var unread: UInt64 = 0
        var acknowledged: UInt64 = 0
        var wrong = 0
        var wrongSince = Duration.zero
        /// Closed from then on, when its last reply has had time to leave.
        var closesAt: Duration?
    }

    private let bounds: ConnectionBounds
    private let maxMessageBytes: Int
    private var entries: [Int32: Entry] = [:]
    private var descriptors: [[UInt8]: Int32] = [:]
    private var lastCheck = Duration.zero

    init(_ bounds: ConnectionBounds, maxMessageBytes: Int) {
        self.bounds = bounds
        self.maxMessageBytes = maxMessageBytes
    }

    /// Connections with something to ask.
    var clientCount: Int { descriptors.count }
    var count: Int { entries.count }

    /// When `check` wants to be called again. Nil: there is nobody to look at.
    var nextCheck: Duration? { entries.isEmpty ? nil : lastCheck + Self.interval }

    /// A sender on this machine brings a gigabyte a second.
    private static let interval = Duration.milliseconds(50)

    // MARK: Coming and going

    /// Takes note of an event; returns the client that is gone by it, and a connection that is too many.
    mutating func note(_ event: SocketMonitor.Event) -> (gone: [UInt8]?, closed: Offence?) {
        switch event {
        case .accepted(let descriptor):
            // An end that was missed: the system uses a descriptor again only when it is free.
            let gone = remove(descriptor)
            entries[descriptor] = Entry()
            guard entries.count > bounds.maxConnections else { return (gone, nil) }
            close(descriptor)
            return (gone, .tooMany)
        case .disconnected(let descriptor): return (remove(descriptor), nil)
        default: return (nil, nil)
        }
    }

    enum Sender {
        case known
        /// There are as many clients as are allowed.
        case tooMany
        /// The connection has ended meanwhile.
        case gone
    }

    /// True for a client that has sent something before, over this connection.
    func knows(_ client: [UInt8], over descriptor: Int32) -> Bool { descriptors[client] == descriptor }

    /// Takes note of a whole message. All events must have been noted before a client's first message.
    ///
    /// - Returns: what to do with it, and a client whose connection is gone, as its descriptor has passed to this one.
    mutating func arrived(
        from client: [UInt8], user: String?, over descriptor: Int32
    ) -> (sender: Sender, gone: [UInt8]?) {
        guard var entry = entries[descriptor] else { return (.gone, nil) }
        entry.wholeAt = Self.bytes(descriptor)?.received ?? 0
        entry.user = user
        defer { entries[descriptor] = entry }
        if entry.client == client { return (.known, nil) }
        let old = entry.client
        if let old { descriptors[old] = nil }
        entry.client = nil
        guard descriptors[client] != nil || descriptors.count < bounds.maxClients else { return (.tooMany, old) }
        descriptors[client] = descriptor
        entry.client = client
        return (.known, old)
    }

    private mutating func remove(_ descriptor: Int32) -> [UInt8]? {
        guard let client = entries.removeValue(forKey: descriptor)?.client else { return nil }
        // It may have come back over another connection already.
        guard descriptors[client] == descriptor else { return nil }
        descriptors[client] = nil
        return client
    }

    // MARK: What they cost

    /// Whether a reply of so many bytes may wait for its client to read; it counts from then on.
    mutating func takesReply(_ bytes: Int, to client: [UInt8]) -> Bool {
        guard let descriptor = descriptors[client], var entry = entries[descriptor],
            let now = Self.bytes(descriptor)?.acknowledged
        else { return true }
        entry.unread -= min(entry.unread, now - min(entry.acknowledged, now))
        entry.acknowledged = now
        let fits = entry.unread == 0 || entry.unread + UInt64(bytes) <= UInt64(bounds.maxUnreadBytes)
        if fits { entry.unread += UInt64(bytes) }
        entries[descriptor] = entry
        return fits
    }

    /// A reply that counted was not sent after all.
    mutating func untake(_ bytes: Int, to client: [UInt8]) {
        guard let descriptor = descriptors[client], var entry = entries[descriptor] else { return }
        entry.unread -= min(entry.unread, UInt64(bytes))
        entries[descriptor] = entry
    }

    /// Counts a message that broke the protocol. True: it was one too many, and its connection is closed.
    mutating func countWrong(over descriptor: Int32, now: Duration) -> Bool {
        guard var entry = entries[descriptor] else { return true }
        if now - entry.wrongSince >= .seconds(1) { (entry.wrong, entry.wrongSince) = (0, now) }
        entry.wrong += 1
        entries[descriptor] = entry
        guard entry.wrong > bounds.maxWrongPerSecond else { return false }
        close(descriptor)
        return true
    }

    /// Closes connections whose messages do not end. Call it when every whole message has been read.
    ///
    /// - Returns: how many were closed.
    mutating func check(now: Duration) -> Int {
        guard let nextCheck, now >= nextCheck else { return 0 }
        let seconds = min(max((now - lastCheck) / .seconds(1), 0), 60)
        lastCheck = now
        var partial: [(descriptor: Int32, bytes: UInt64)] = []
        for (descriptor, var entry) in entries {
            if let end = entry.closesAt, end <= now { close(descriptor) }
            guard let received = Self.bytes(descriptor)?.received else { continue }
            let growth = received - min(entry.receivedAt, received)
            entry.receivedAt = received
            // Heartbeats are no message: 64 bytes a second are not counted.
            entry.allowance = min(entry.allowance + 64 * seconds, 256)
            let uncounted = min(growth, UInt64(entry.allowance))
            entry.allowance -= Double(uncounted)
            entry.wholeAt = min(entry.wholeAt + uncounted, received)
            entries[descriptor] = entry
            if received > entry.wholeAt { partial.append((descriptor, received - entry.wholeAt)) }
        }
        // Framing and encryption come on top of what a message may hold; so does what the kernel holds.
        let most = UInt64(maxMessageBytes) + UInt64(maxMessageBytes / 8) + 16 << 20
        partial.sort { $0.bytes > $1.bytes }
        var total = partial.reduce(0) { $0 + $1.bytes }
        var closed = 0
        for (descriptor, bytes) in partial where bytes > most || total > UInt64(bounds.maxPartialBytes) {
            close(descriptor)
            total -= bytes
            closed += 1
        }
        return closed
    }

    /// Closes the connections of users for whom it is true, as soon as what was said to them has had time to leave.
    ///
    /// - Returns: how many.
    mutating func closeAll(where isRevoked: (String) -> Bool, now: Duration) -> Int {
        let meant = entries.filter { $0.value.user.map(isRevoked) ?? false }.keys
        for descriptor in meant { entries[descriptor]?.closesAt = now + .milliseconds(200) }
        return meant.count
    }

    /// Ends a connection: libzmq finds it closed and tells so.
    private func close(_ descriptor: Int32) {
        _ = shutdown(descriptor, Int32(SHUT_RDWR))
    }

    /// Nil for sockets that are not TCP: those are files of this machine's own user.
    private static func bytes(_ descriptor: Int32) -> (acknowledged: UInt64, received: UInt64)? {
        var (acknowledged, received): (UInt64, UInt64) = (0, 0)
        return rahf_tcp_bytes(descriptor, &acknowledged, &received) == 0 ? (acknowledged, received) : nil
    }
}

/// What connections may cost.
package struct ConnectionBounds: Sendable, Equatable {
    /// Connections with something to ask; requests of further ones are refused as overload. The default is 1024.
    package var maxClients = 1024
    /// Replies that one client has not read, beyond the first; it loses the next, and what it has queued. The default
    /// is 256 MiB.
    package var maxUnreadBytes = 256 << 20
    /// Wrong messages of a connection within a second; it is closed at the next one. The default is 100.
    package var maxWrongPerSecond = 100
    /// Messages of all connections that have begun and not ended. The default is 1 GiB.
    package var maxPartialBytes = 1 << 30
    /// How long a connection may take to introduce itself. The default is 10 s.
    package var handshakeTime = Duration.seconds(10)

    package init() {}

    /// Those that have said nothing yet included; further ones are closed.
    var maxConnections: Int { maxClients * 2 + 64 }
}
