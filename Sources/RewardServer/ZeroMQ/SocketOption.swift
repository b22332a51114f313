import CZeroMQ

/// The socket options we set, each with its own type.
package enum SocketOption: Sendable {
    /// How long a closed socket keeps trying to send. libzmq's default is for ever, which blocks exit.
    case linger(Duration)
    /// Largest frame in bytes; a peer that sends a larger one is disconnected. libzmq's default is no limit.
    case maxMessageSize(Int)
    /// Messages, not bytes, queued per peer.
    case sendHighWaterMark(Int)
    case receiveHighWaterMark(Int)
    /// ROUTER: sending to a peer that is gone or full is an error instead of silence.
    case mandatory(Bool)
    /// Time between pings of an idle peer, and how long it may stay silent.
    case heartbeat(interval: Duration, timeout: Duration)
    /// Send only to peers whose connection is complete.
    case immediate(Bool)
    /// Listen and connect over IPv6 too.
    case ipv6(Bool)
    /// The peer's name a ROUTER sees, 1 to 255 bytes.
    case routingID([UInt8])
    /// ROUTER: a peer that comes back under its name takes the place of its dead connection.
    case handover(Bool)
    /// How long a connection may take to introduce itself before it is closed.
    case handshake(Duration)
    /// Encrypt as a server: clients must know our public key. With `authenticate`, an `Authenticator` decides on each.
    case curveServer(CurveKeyPair, authenticate: Bool)
    /// Encrypt as a client, to the server of this public key only.
    case curveClient(ClientSecurity)
}

extension Socket {
    package func set(_ option: SocketOption) throws(ZeroMQError) {
        switch option {
        case .linger(let duration): try set(ZMQ_LINGER, duration.milliseconds, "linger")
        case .maxMessageSize(let bytes):
            var value = Int64(bytes)
            guard zmq_setsockopt(pointer, ZMQ_MAXMSGSIZE, &value, MemoryLayout<Int64>.size) == 0 else {
                throw .last("set the largest frame to \(bytes)")
            }
        case .sendHighWaterMark(let count): try set(ZMQ_SNDHWM, Int32(clamping: count), "send high-water mark")
        case .receiveHighWaterMark(let count): try set(ZMQ_RCVHWM, Int32(clamping: count), "receive high-water mark")
        case .mandatory(let on): try set(ZMQ_ROUTER_MANDATORY, on ? 1 : 0, "mandatory")
        case .heartbeat(let interval, let timeout):
            try set(ZMQ_HEARTBEAT_IVL, interval.milliseconds, "heartbeat interval")
            try set(ZMQ_HEARTBEAT_TIMEOUT, timeout.milliseconds, "heartbeat timeout")
        case .immediate(let on): try set(ZMQ_IMMEDIATE, on ? 1 : 0, "immediate")
        case .ipv6(let on): try set(ZMQ_IPV6, on ? 1 : 0, "IPv6")
        case .routingID(let bytes):
            guard zmq_setsockopt(pointer, ZMQ_ROUTING_ID, bytes, bytes.count) == 0 else {
                throw .last("set a routing id of \(bytes.count) bytes")
            }
        case .handover(let on): try set(ZMQ_ROUTER_HANDOVER, on ? 1 : 0, "handover")
        case .handshake(let duration): try set(ZMQ_HANDSHAKE_IVL, duration.milliseconds, "handshake interval")
        case .curveServer(let keys, let authenticate):
            try set(ZMQ_CURVE_SERVER, 1, "CURVE server")
            try set(ZMQ_CURVE_SECRETKEY, keys.secretKey.bytes, "secret key")
            guard authenticate else { return }
            try set(ZMQ_ZAP_DOMAIN, Array("rahf".utf8), "ZAP domain")
        case .curveClient(let security):
            try set(ZMQ_CURVE_SERVERKEY, security.serverKey.bytes, "server's key")
            try set(ZMQ_CURVE_PUBLICKEY, security.keys.publicKey.bytes, "public key")
            try set(ZMQ_CURVE_SECRETKEY, security.keys.secretKey.bytes, "secret key")
        }
    }

    /// The message of a failure names the option and never the bytes.
    private func set(_ number: Int32, _ bytes: [UInt8], _ name: String) throws(ZeroMQError) {
        guard zmq_setsockopt(pointer, number, bytes, bytes.count) == 0 else { throw .last("set the \(name)") }
    }

    private func set(_ number: Int32, _ value: Int32, _ name: String) throws(ZeroMQError) {
        var value = value
        guard zmq_setsockopt(pointer, number, &value, MemoryLayout<Int32>.size) == 0 else {
            throw .last("set \(name) to \(value)")
        }
    }
}

extension Duration {
    /// Whole milliseconds, rounded up so that a wait never ends early, clamped to what libzmq's options hold.
    var milliseconds: Int32 {
        let (seconds, attoseconds) = components
        guard seconds < Int64(Int32.max) / 1000 else { return .max }
        guard seconds >= 0, attoseconds >= 0 else { return 0 }
        return Int32(clamping: seconds * 1000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
    }
}
