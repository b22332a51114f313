import Glibc
import Logging
import RewardWire

/// The server's one socket, with the options that keep a client from hurting others.
struct Listener {
    /// Who sent a message, and in which shape it wants its reply.
    struct Route: Equatable {
        /// What libzmq calls the connection.
        var connection: [UInt8]
        /// What each proxy between here and the client calls the connection it came over, nearest first.
        var beyond: [[UInt8]] = []
        /// True when an empty frame came before the header, as REQ sockets send it.
        var hasDelimiter: Bool
        /// The client's key, when clients are authenticated.
        var user: String?

        /// Names the client among all.
        var client: [UInt8] { beyond.reduce(connection) { $0 + [0] + $1 } }
        var isProxied: Bool { !beyond.isEmpty }
        fileprivate var envelope: [[UInt8]] { [connection] + beyond + (hasDelimiter ? [[]] : []) }
    }

    struct Arrival {
        var route: Route
        /// The connection's descriptor.
        var descriptor: Int32
        var frames: [[UInt8]]
        var discardedFrames: Int
        var discardedBytes: Int

        var bytes: Int { frames.reduce(discardedBytes) { $0 + $1.count } }
    }

    enum Delivery {
        case sent
        /// The client is gone.
        case gone
        /// What it has not read yet fills its queue.
        case full
    }

    let socket: Socket
    let monitor: SocketMonitor
    /// Bound endpoints, with real ports.
    let endpoints: [String]
    private let limits: MessageLimits
    private let authenticator: Authenticator?

    /// - Parameter clientsChanged: is called, on another thread, after the list of clients has changed.
    init(
        _ configuration: ServerConfiguration, in context: Context, log: Logger,
        clientsChanged: @escaping @Sendable () -> Void
    ) throws {
        limits = configuration.limits
        authenticator = try configuration.security?.clients.map { clients in
            try Authenticator(clients, in: context, log: log, changed: clientsChanged)
        }
        socket = try Socket(.router, in: context)
        try socket.set(.linger(.seconds(5)))
        // Without this, replies to clients that are gone or stuck vanish without a word.
        try socket.set(.mandatory(true))
        try socket.set(.handover(true))
        try socket.set(.maxMessageSize(configuration.limits.maxMessageBytes))
        try socket.set(.sendHighWaterMark(configuration.repliesPerClient))
        try socket.set(.receiveHighWaterMark(configuration.messagesPerClient))
        try socket.set(.heartbeat(interval: .seconds(5), timeout: .seconds(15)))
        try socket.set(.handshake(configuration.connections.handshakeTime))
        if let security = configuration.security {
            try socket.set(.curveServer(security.keys, authenticate: security.clients != nil))
        }
        if configuration.addresses.contains(where: { $0.endpoint.hasPrefix("tcp://[") }) { try socket.set(.ipv6(true)) }
        monitor = try SocketMonitor(socket, in: context)
        endpoints = try configuration.addresses.map { [socket] in try Self.bind(socket, $0.endpoint) }
    }

    /// Ends authentication. The socket closes when nobody holds it; it keeps trying to send for `linger`.
    ///
    /// Whoever connects in between is read no more. Unbinding first would cost the last replies: libzmq ends an address's
    /// connections with it.
    func close(linger: Duration) throws {
        authenticator?.stop()
        try socket.set(.linger(linger))
    }

    func receive() throws(ZeroMQError) -> Arrival? {
        // Identities and a delimiter come before the message.
        guard
            let message = try socket.receive(
                maxFrames: limits.maxFrames + ProxyName.mostHops + 2, maxBytes: limits.maxMessageBytes + 4096)
        else { return nil }
        var frames = message.frames[...]
        let connection = frames.removeFirst()
        var beyond: [[UInt8]] = []
        // A proxy names itself, so that its client's name cannot be taken for a header.
        while ProxyName.isProxy(beyond.last ?? connection), beyond.count < ProxyName.mostHops, let name = frames.first {
            beyond.append(name)
            frames.removeFirst()
        }
        let hasDelimiter = frames.first?.isEmpty == true
        if hasDelimiter { frames.removeFirst() }
        return Arrival(
            route: Route(connection: connection, beyond: beyond, hasDelimiter: hasDelimiter, user: message.user),
            descriptor: message.connection ?? -1, frames: Array(frames), discardedFrames: message.discardedFrames,
            discardedBytes: message.discardedBytes)
    }

    /// Sends without waiting.
    func send(_ frames: [[UInt8]], to route: Route) throws(ZeroMQError) -> Delivery {
        do throws(ZeroMQError) {
            try socket.send(route.envelope + frames)
            return .sent
        } catch {
            switch error.number {
            case EHOSTUNREACH: return .gone
            case EAGAIN: return .full
            default: throw error
            }
        }
    }

    /// Files of `ipc://` sockets are for their owner only, and a living server's is not taken from it.
    static func bind(_ socket: Socket, _ endpoint: String) throws(ZeroMQError) -> String {
        guard endpoint.hasPrefix("ipc://") else { return try socket.bind(endpoint) }
        let path = String(endpoint.dropFirst(6))
        if path != "*", !path.hasPrefix("@"), LocalSocket.isListening(at: path) {
            throw ZeroMQError(operation: "bind \(endpoint)", number: EADDRINUSE)
        }
        let mask = umask(0o177)
        defer { umask(mask) }
        return try socket.bind(endpoint)
    }
}

/// Unix-domain sockets in the file system.
enum LocalSocket {
    /// True when a process accepts connections at `path`. libzmq would silently replace its file.
    static func isListening(at path: String) -> Bool {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { return false }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        return withUnsafePointer(to: address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                connect(descriptor, address, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
            }
        }
    }
}
