import Glibc
import RewardModel
import RewardWire

/// One DEALER connection that asks one thing at a time, and asks again over a new one when no answer comes.
struct ClientConnection {
    private let endpoint: String
    private let policy: RetryPolicy
    private let context: Context
    private var socket: Socket?
    private let prefix: [UInt8]
    private var serial: UInt64 = 0

    init(endpoint: String, policy: RetryPolicy) throws(Failure) {
        self.endpoint = endpoint
        self.policy = policy
        do { context = try Context() } catch { throw Failure(.unavailable, error.description) }
        var generator = SystemRandomNumberGenerator()
        prefix = withUnsafeBytes(of: generator.next() as UInt64, Array.init)
    }

    /// No answer in time, or no sign of life.
    private struct Silence: Error, CustomStringConvertible {
        var description: String
    }

    /// Sends a request and returns its reply, whatever its status.
    ///
    /// - Parameter request: makes the message for a request id.
    /// - Throws: `unavailable` when every try was in vain.
    mutating func exchange(_ request: ([UInt8]) -> [[UInt8]]) throws(Failure) -> ReplyMessage {
        var reason = ""
        for attempt in 0..<policy.tries {
            if attempt > 0 { Self.sleep(Self.backoff(attempt)) }
            do { return try once(request) } catch {
                // A late answer to this try must never meet the next one.
                socket = nil
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

    private mutating func once(_ request: ([UInt8]) -> [[UInt8]]) throws -> ReplyMessage {
        let clock = ContinuousClock()
        let id = nextID()
        let socket = try socket ?? open()
        self.socket = socket
        try socket.send(request(id))
        let sent = clock.now
        // The server answers at the timeout by itself; the second more is for the way back.
        let end = sent + policy.timeout + .seconds(1)
        var ping: (id: [UInt8], at: ContinuousClock.Instant)?
        var nextPing = sent + policy.heartbeat
        while true {
            let now = clock.now
            if now >= end { throw Silence(description: "no answer within \(policy.timeout)") }
            if now >= nextPing {
                if ping != nil { throw Silence(description: "no sign of life for \(policy.heartbeat)") }
                let name = nextID()
                try socket.send(RequestWriter.health(id: name))
                ping = (name, now)
                nextPing = now + policy.heartbeat
            }
            _ = try Poll.wait(for: [socket], timeout: min(end, nextPing) - now)
            guard let message = try socket.receive(maxFrames: 1 << 16) else { continue }
            guard let reply = Self.read(message.frames) else { continue }
            if reply.header.requestID.elementsEqual(id) { return reply }
            if let sign = ping, reply.header.requestID.elementsEqual(sign.id) {
                // A server younger than the request is a new one, which has never seen it.
                let age = Duration.milliseconds(Int64(clamping: reply.header.health.uptimeMs))
                if age < sign.at - sent { throw Silence(description: "the server was restarted") }
                ping = nil
            }
        }
    }

    /// The reply in a message. Nil for messages that are none: they answer nothing.
    private static func read(_ frames: [[UInt8]]) -> ReplyMessage? {
        let frames = frames.first?.isEmpty == true ? Array(frames.dropFirst()) : frames
        return try? ReplyMessage(frames: frames)
    }

    private func open() throws(ZeroMQError) -> Socket {
        let socket = try Socket(.dealer, in: context)
        try socket.set(.linger(.zero))
        try socket.set(.ipv6(endpoint.hasPrefix("tcp://[")))
        try socket.connect(endpoint)
        return socket
    }
}
