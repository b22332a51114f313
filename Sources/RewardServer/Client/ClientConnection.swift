import Glibc
import RewardModel
import RewardWire

/// One DEALER connection that asks one thing at a time, and asks again over a new one when no answer comes.
struct ClientConnection {
    private let endpoint: String
    private let policy: RetryPolicy
    private let security: ClientSecurity?
    private let context: Context
    private var line: Line?
    private let prefix: [UInt8]
    private var serial: UInt64 = 0
    /// True when the server says by itself that it is still at work.
    var tellsProgress = false

    /// A socket and what libzmq tells about its connection.
    private struct Line {
        let monitor: SocketMonitor
        let socket: Socket
        var brokenHandshakes = 0
        var hasConnected = false
    }

    init(endpoint: String, policy: RetryPolicy, security: ClientSecurity?) throws(Failure) {
        self.endpoint = endpoint
        self.policy = policy
        self.security = security
        do { context = try Context() } catch { throw Failure(.unavailable, error.description) }
        var generator = SystemRandomNumberGenerator()
        prefix = withUnsafeBytes(of: generator.next() as UInt64, Array.init)
    }

    /// How often a server that tells of progress is asked to; nil for others.
    var progress: Duration? { tellsProgress ? policy.heartbeat / 2 : nil }

    /// No answer in time, or no sign of life.
    private struct Silence: Error, CustomStringConvertible {
        var description: String
    }

    /// Sends a request and returns its reply, whatever its status.
    ///
    /// - Parameters:
    ///   - isImmediate: True for what a server answers at once, whatever it works at.
    ///   - request: makes the message for a request id.
    /// - Throws: `unavailable` when every try was in vain, `permissionDenied` when the server lets this client not in.
    mutating func exchange(
        isImmediate: Bool = false, _ request: ([UInt8]) -> [[UInt8]]
    ) throws(Failure) -> ReplyMessage {
        var reason = ""
        for attempt in 0..<policy.tries {
            if attempt > 0 { Self.sleep(Self.backoff(attempt)) }
            do { return try once(isImmediate, request) } catch {
                // A late answer to this try must never meet the next one.
                line = nil
                if let refusal = error as? Failure { throw refusal }
                reason = "\(error)"
            }
        }
        throw Failure(.unavailable, "\(endpoint) did not answer in \(policy.tries) tries: \(reason)")
    }

    /// 0.1 s, 0.2 s, 0.4 s … up to 5 s, the later half at random so that many clients do not return together.
    static func backoff(_ attempt: Int) -> Duration {
        let longest = min(100 << min(attempt - 1, 10), 5000)
        return .milliseconds(Int64.random(in: Int64(longest / 2)...Int64(longest)))
    }

    static func sleep(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        guard seconds >= 0, attoseconds >= 0 else { return }
        var left = timespec(tv_sec: Int(seconds), tv_nsec: Int(attoseconds / 1_000_000_000))
        var rest = timespec()
        while nanosleep(&left, &rest) != 0, errno == EINTR { left = rest }
    }

    private mutating func nextID() -> [UInt8] {
        serial += 1
        return prefix + withUnsafeBytes(of: serial.bigEndian, Array.init)
    }

    private mutating func once(_ isImmediate: Bool, _ request: ([UInt8]) -> [[UInt8]]) throws -> ReplyMessage {
        let clock = ContinuousClock()
        let id = nextID()
        var line = try line ?? open()
        self.line = line
        let frames = request(id)
        try line.socket.send(frames)
        let sent = clock.now
        // The server answers at the timeout by itself; the second more is for the way back.
        let end = sent + policy.timeout + .seconds(1)
        let patience = max(policy.heartbeat * 2, .milliseconds(500))
        let expectsSigns = isImmediate || tellsProgress
        // A long message takes its time: a megabyte a second is granted before the first sign.
        let bytes = frames.reduce(0) { $0 + $1.count }
        var nextSign = sent + patience + .seconds(Double(bytes) / 1_000_000)
        while true {
            let now = clock.now
            if now >= end { throw Silence(description: "no answer within \(policy.timeout)") }
            if expectsSigns, now >= nextSign { throw Silence(description: "no sign of life for \(patience)") }
            let timeout = (expectsSigns ? min(end, nextSign) : end) - now
            _ = try Poll.wait(for: [line.socket, line.monitor.socket], timeout: timeout)
            try note(&line)
            self.line = line
            guard let message = try line.socket.receive(maxFrames: 1 << 16) else { continue }
            guard let reply = Self.read(message.frames), reply.header.requestID.elementsEqual(id) else { continue }
            guard reply.header.status.code == .inProgress else { return reply }
            nextSign = clock.now + patience
        }
    }

    /// Takes note of what became of the connection.
    private func note(_ line: inout Line) throws {
        while let event = try line.monitor.next() {
            switch event {
            case .handshakeSucceeded: line.hasConnected = true
            case .refused: throw Failure(.permissionDenied, "\(endpoint) does not let this client's key in")
            case .incompatible:
                throw Failure(
                    .permissionDenied,
                    security == nil
                        ? "\(endpoint) is encrypted, or no rahf server: its public key is needed"
                        : "\(endpoint) is not encrypted, or no rahf server")
            case .handshakeBroken where !line.hasConnected:
                // A server that is just ending does so too, but not time and again.
                line.brokenHandshakes += 1
                guard line.brokenHandshakes < 10 else {
                    throw Failure(
                        .permissionDenied,
                        security == nil
                            ? "\(endpoint) is encrypted, or no rahf server"
                            : "\(endpoint) does not have the public key it should")
                }
            default: break
            }
        }
    }

    /// The reply in a message. Nil for messages that are none: they answer nothing.
    private static func read(_ frames: [[UInt8]]) -> ReplyMessage? {
        let frames = frames.first?.isEmpty == true ? Array(frames.dropFirst()) : frames
        return try? ReplyMessage(frames: frames)
    }

    private func open() throws(ZeroMQError) -> Line {
        let socket = try Socket(.dealer, in: context)
        try socket.set(.linger(.zero))
        try socket.set(.ipv6(endpoint.hasPrefix("tcp://[")))
        // Finds out about a server whose machine is gone, also while nothing is asked.
        try socket.set(.heartbeat(interval: .seconds(5), timeout: .seconds(15)))
        if let security { try socket.set(.curveClient(security)) }
        let monitor = try SocketMonitor(socket, in: context)
        try socket.connect(endpoint)
        return Line(monitor: monitor, socket: socket)
    }
}
