import Dispatch
package import Logging
import RewardModel
import Synchronization

/// Answers libzmq's question who may connect (ZAP, ZeroMQ RFC 27), on a thread of its own: a handshake never waits for
/// anything else, and nothing else for a handshake.
///
/// It also looks every second whether the list of clients has changed.
final class Authenticator: Sendable {
    private let wakeUp: WakeUp
    private let isStopping = Atomic(false)
    private let ended = DispatchSemaphore(value: 0)

    /// - Parameter changed: is called, on the handler's thread, after the list has changed.
    init(_ clients: ClientList, in context: Context, log: Logger, changed: @escaping @Sendable () -> Void) throws {
        wakeUp = try WakeUp()
        let bound = DispatchSemaphore(value: 0)
        let problem = Mutex<ZeroMQError?>(nil)
        ThreadStart.detached { [self] in
            do throws(ZeroMQError) {
                let socket = try Socket(.reply, in: context)
                try socket.set(.linger(.zero))
                _ = try socket.bind("inproc://zeromq.zap.01")
                bound.signal()
                run(socket, clients, log, changed)
            } catch {
                problem.withLock { $0 = error }
                bound.signal()
            }
            ended.signal()
        }
        bound.wait()
        if let error = problem.withLock({ $0 }) { throw error }
    }

    /// Ends the thread and closes its socket. Handshakes are refused from then on.
    func stop() {
        isStopping.store(true, ordering: .releasing)
        wakeUp.signal()
        ended.wait()
        ended.signal()
    }

    private func run(_ socket: Socket, _ clients: ClientList, _ log: Logger, _ changed: () -> Void) {
        let clock = ContinuousClock()
        var nextLook = clock.now + .seconds(1)
        while !isStopping.load(ordering: .acquiring) {
            do throws(ZeroMQError) {
                _ = try Poll.wait(for: [socket], wakeUp: wakeUp, timeout: max(nextLook - clock.now, .zero))
                while let request = try socket.receive(maxFrames: 16, maxBytes: 4096) {
                    try socket.send(Self.reply(to: request.frames, clients, log))
                }
            } catch { log.error("authentication", metadata: ["error": "\(error)"]) }
            guard clock.now >= nextLook else { continue }
            nextLook = clock.now + .seconds(1)
            if clients.reloadAndLog(log) { changed() }
        }
    }

    /// The frames of a request are: version, request id, domain, address, identity, mechanism, credentials.
    static func reply(to request: [[UInt8]], _ clients: ClientList, _ log: Logger) -> [[UInt8]] {
        let id = request.count > 1 ? request[1] : []
        func reply(_ status: String, _ text: String, user: String = "") -> [[UInt8]] {
            [Array("1.0".utf8), id, Array(status.utf8), Array(text.utf8), Array(user.utf8), []]
        }
        guard request.count == 7, request[0].elementsEqual("1.0".utf8) else {
            return reply("500", "the request is not of ZAP 1.0")
        }
        let address = String(decoding: request[3], as: UTF8.self)
        guard request[5].elementsEqual("CURVE".utf8), let key = CurveKey(bytes: request[6]) else {
            log.notice("refused a client", metadata: ["address": "\(address)", "reason": "no CURVE key"])
            return reply("400", "a CURVE key is needed")
        }
        guard let name = clients.name(of: key) else {
            log.notice(
                "refused a client",
                metadata: ["address": "\(address)", "key": "\(key.z85)", "reason": "the key is not in the list"])
            return reply("400", "the key is not in the list of clients")
        }
        log.debug("a client connects", metadata: ["address": "\(address)", "client": "\(name)"])
        return reply("200", "OK", user: key.z85)
    }
}

extension ClientList {
    /// Reads the list again when it changed, and says so. True: it changed.
    package func reloadAndLog(_ log: Logger, always: Bool = false) -> Bool {
        do throws(Failure) {
            guard let change = try reload(always: always) else { return false }
            log.notice(
                "the list of clients changed",
                metadata: [
                    "clients": "\(count)", "added": "\(change.added.joined(separator: ", "))",
                    "removed": "\(change.removed.joined(separator: ", "))",
                ])
            return true
        } catch {
            log.error("the list of clients stays as it was", metadata: ["reason": "\(error.message)"])
            return false
        }
    }
}
