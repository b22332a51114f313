import CZeroMQ
import Glibc

/// One libzmq socket. It belongs to the thread that made it.
package final class Socket {
    package enum Kind: Sendable {
        case router, dealer, request, reply, pair

        var number: Int32 {
            switch self {
            case .router: ZMQ_ROUTER
            case .dealer: ZMQ_DEALER
            case .request: ZMQ_REQ
            case .reply: ZMQ_REP
            case .pair: ZMQ_PAIR
            }
        }
    }

    /// One received message.
    package struct Multipart: Sendable, Equatable {
        /// The frames that were within the limit.
        package var frames: [[UInt8]]
        /// Frames past the limits, read and thrown away.
        package var discardedFrames = 0
        package var discardedBytes = 0
        /// The connection it came over, by its descriptor; nil for messages within the process.
        package var connection: Int32?
        /// What the authenticator calls its sender; nil without one.
        package var user: String?
    }

    private let context: Context
    let pointer: UnsafeMutableRawPointer

    package init(_ kind: Kind, in context: Context) throws(ZeroMQError) {
        guard let pointer = zmq_socket(context.pointer, kind.number) else { throw .last("zmq_socket") }
        self.context = context
        self.pointer = pointer
    }

    deinit {
        _ = zmq_close(pointer)
    }

    /// Binds and returns the endpoint with its real port: `tcp://127.0.0.1:*` lets the system choose one.
    package func bind(_ endpoint: String) throws(ZeroMQError) -> String {
        guard zmq_bind(pointer, endpoint) == 0 else { throw .last("bind \(endpoint)") }
        var text = [CChar](repeating: 0, count: 512)
        var size = text.count
        guard zmq_getsockopt(pointer, ZMQ_LAST_ENDPOINT, &text, &size) == 0 else {
            throw .last("the endpoint of \(endpoint)")
        }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    package func unbind(_ endpoint: String) throws(ZeroMQError) {
        guard zmq_unbind(pointer, endpoint) == 0 else { throw .last("unbind \(endpoint)") }
    }

    package func connect(_ endpoint: String) throws(ZeroMQError) {
        guard zmq_connect(pointer, endpoint) == 0 else { throw .last("connect \(endpoint)") }
    }

    /// Sends all frames as one message without waiting.
    ///
    /// Throws EAGAIN when a peer's queue is full and, from a ROUTER with `mandatory` set, EHOSTUNREACH when it is gone.
    package func send(_ frames: [[UInt8]]) throws(ZeroMQError) {
        precondition(!frames.isEmpty, "a message has at least one frame")
        for (index, frame) in frames.enumerated() {
            let more = index < frames.count - 1 ? ZMQ_SNDMORE : 0
            while zmq_send(pointer, frame, frame.count, ZMQ_DONTWAIT | more) < 0 {
                guard zmq_errno() == EINTR else { throw .last("send") }
            }
        }
    }

    /// Receives one whole message if there is one, without waiting.
    ///
    /// Every frame is read, so the next call starts at a message; those past `maxFrames` or `maxBytes` are only counted.
    package func receive(maxFrames: Int, maxBytes: Int = .max) throws(ZeroMQError) -> Multipart? {
        var received = Multipart(frames: [])
        var kept = 0
        var message = zmq_msg_t()
        zmq_msg_init(&message)
        defer { zmq_msg_close(&message) }
        repeat {
            while zmq_msg_recv(&message, pointer, ZMQ_DONTWAIT) < 0 {
                switch zmq_errno() {
                case EINTR: continue
                case EAGAIN where received.frames.isEmpty && received.discardedFrames == 0: return nil
                default: throw .last("receive")
                }
            }
            // A ROUTER's first frame lacks these when a poll saw the message before.
            if received.connection == nil, received.frames.count < 2 {
                let connection = zmq_msg_get(&message, ZMQ_SRCFD)
                received.connection = connection >= 0 ? connection : nil
                received.user = zmq_msg_gets(&message, "User-Id").map { String(cString: $0) }
            }
            let size = zmq_msg_size(&message)
            if received.discardedFrames == 0, received.frames.count < maxFrames, size <= maxBytes - kept {
                received.frames.append(Array(UnsafeRawBufferPointer(start: zmq_msg_data(&message), count: size)))
                kept += size
            } else {
                received.discardedFrames += 1
                received.discardedBytes += size
            }
        } while zmq_msg_more(&message) != 0
        return received
    }
}
