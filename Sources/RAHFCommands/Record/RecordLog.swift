import Dispatch
package import Logging
package import RewardModel
import RewardData
package import RewardServer
import RewardWire
import Synchronization

/// Writes answered requests to a bounded set of files, on a thread of its own: the service never waits for the disk.
///
/// What the disk does not take in time, or has no room for, is left out, counted, and said in the log.
package final class RecordLog: Sendable {
    /// Bytes that may wait for the disk. The default is 256 MiB.
    package static let pendingBytes = 256 << 20

    private struct State {
        var waiting: [RecordedExchange] = []
        var bytes = 0
        var isClosing = false
    }

    private let state = Mutex(State())
    /// The writing thread's own.
    private let files: Mutex<RecordFiles>
    private let arrived = DispatchSemaphore(value: 0)
    private let ended = DispatchSemaphore(value: 0)
    private let log: Logger
    private let observe: @Sendable (ServerEvent) -> Void

    /// - Parameters:
    ///   - folder: made if missing, for its owner only; it belongs to one server at a time.
    ///   - limit: bytes of all files together. The oldest file goes when it would be passed.
    ///   - observe: is told what was written and what was lost.
    /// - Throws: `Failure` when the folder cannot be used.
    package init(
        folder: String, limit: Int, log: Logger, observe: @escaping @Sendable (ServerEvent) -> Void
    ) throws(Failure) {
        self.log = log
        self.observe = observe
        files = Mutex(try RecordFiles(folder: folder, limit: limit))
        ThreadStart.detached { [self] in
            write()
            ended.signal()
        }
    }

    /// Takes an exchange; returns at once.
    package func add(_ exchange: RecordedExchange) {
        let bytes = exchange.bytes
        let isTaken = state.withLock { state in
            guard !state.isClosing, state.waiting.isEmpty || state.bytes + bytes <= Self.pendingBytes else {
                return false
            }
            state.waiting.append(exchange)
            state.bytes += bytes
            return true
        }
        if isTaken { arrived.signal() } else { observe(.recordLost) }
    }

    /// Writes what waits, and returns when that is done.
    package func close() {
        state.withLock { $0.isClosing = true }
        arrived.signal()
        ended.wait()
        ended.signal()
    }

    private static func message(_ exchange: RecordedExchange) -> WireRecorded {
        WireRecorded(
            receivedMicroseconds: exchange.receivedMicroseconds, request: exchange.request, reply: exchange.reply,
            user: exchange.user)
    }

    private func write() {
        var lastComplaint: ContinuousClock.Instant?
        while true {
            arrived.wait()
            let (exchange, isClosing) = state.withLock { state -> (RecordedExchange?, Bool) in
                guard !state.waiting.isEmpty else { return (nil, state.isClosing) }
                let next = state.waiting.removeFirst()
                state.bytes -= next.bytes
                return (next, state.isClosing)
            }
            guard let exchange else {
                if isClosing { return }
                continue
            }
            do throws(Failure) {
                let frame = TFRecordWriter.frame(Self.message(exchange).wireBytes)
                let bytes = try files.withLock { files throws(Failure) in try files.append(frame) }
                observe(.recorded(bytes: bytes))
            } catch {
                observe(.recordLost)
                let now = ContinuousClock.now
                // A full disk is no news after the first time.
                if lastComplaint.map({ now - $0 > .seconds(60) }) ?? true {
                    log.error("a request was not recorded", metadata: ["reason": "\(error.message)"])
                    lastComplaint = now
                }
            }
        }
    }
}
