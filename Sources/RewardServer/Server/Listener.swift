import Glibc
import RewardWire

/// The server's one socket, with the options that keep a client from hurting others.
struct Listener {
    /// Who sent a message, and in which shape it wants its reply.
    struct Route: Equatable {
        var client: [UInt8]
        /// True when an empty frame came before the header, as REQ sockets send it.
        var hasDelimiter: Bool
    }

    struct Arrival {
        var route: Route
        var frames: [[UInt8]]
        var discardedFrames: Int
        var discardedBytes: Int
    }

    enum Delivery {
        case sent
        /// The client is gone.
        case gone
        /// The client does not read its replies.
        case stuck
    }

    let socket: Socket
    /// Bound endpoints, with real ports.
    let endpoints: [String]
    private let limits: MessageLimits

    init(_ configuration: ServerConfiguration, in context: Context) throws {
        limits = configuration.limits
        socket = try Socket(.router, in: context)
        try socket.set(.linger(.seconds(5)))
        // Without this, replies to clients that are gone or stuck vanish without a word.
        try socket.set(.mandatory(true))
        try socket.set(.maxMessageSize(configuration.limits.maxMessageBytes))
        try socket.set(.sendHighWaterMark(configuration.repliesPerClient))
        try socket.set(.receiveHighWaterMark(configuration.messagesPerClient))
        try socket.set(.heartbeat(interval: .seconds(5), timeout: .seconds(15)))
        if configuration.addresses.contains(where: { $0.endpoint.hasPrefix("tcp://[") }) { try socket.set(.ipv6(true)) }
        endpoints = try configuration.addresses.map { [socket] in try Self.bind(socket, $0.endpoint) }
    }

    func receive() throws(ZeroMQError) -> Arrival? {
        // The identity and a delimiter come before the message.
        guard
            let message = try socket.receive(
                maxFrames: limits.maxFrames + 2, maxBytes: limits.maxMessageBytes + 256)
        else { return nil }
        var frames = message.frames
        let client = frames.removeFirst()
        let hasDelimiter = frames.first?.isEmpty == true
        if hasDelimiter { frames.removeFirst() }
        return Arrival(
            route: Route(client: client, hasDelimiter: hasDelimiter), frames: frames,
            discardedFrames: message.discardedFrames, discardedBytes: message.discardedBytes)
    }

    /// Sends without waiting.
    func send(_ frames: [[UInt8]], to route: Route) throws(ZeroMQError) -> Delivery {
        do throws(ZeroMQError) {
            try socket.send([route.client] + (route.hasDelimiter ? [[]] : []) + frames)
            return .sent
        } catch {
            switch error.number {
            case EHOSTUNREACH: return .gone
            case EAGAIN: return .stuck
            default: throw error
            }
        }
    }

    /// Files of `ipc://` sockets are for their owner only, and a living server's is not taken from it.
    private static func bind(_ socket: Socket, _ endpoint: String) throws(ZeroMQError) -> String {
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
