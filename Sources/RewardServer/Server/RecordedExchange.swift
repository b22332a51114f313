import Glibc

/// A request that is to be recorded.
struct RecordedRequest {
    var frames: [[UInt8]]
    var receivedMicroseconds: UInt64

    init(_ frames: [[UInt8]]) {
        self.frames = frames
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        receivedMicroseconds = UInt64(max(now.tv_sec, 0)) * 1_000_000 + UInt64(now.tv_nsec) / 1000
    }
}

/// An answered request with its answer, as they crossed the network, headers first and without routing.
package struct RecordedExchange: Sendable {
    /// Since 1970, by the machine's clock.
    package var receivedMicroseconds: UInt64
    package var request: [[UInt8]]
    package var reply: [[UInt8]]
    /// The client's key, where clients are authenticated.
    package var user: String?

    package init(receivedMicroseconds: UInt64, request: [[UInt8]], reply: [[UInt8]], user: String? = nil) {
        self.receivedMicroseconds = receivedMicroseconds
        self.request = request
        self.reply = reply
        self.user = user
    }

    package var bytes: Int { (request + reply).reduce(0) { $0 + $1.count } }
}
