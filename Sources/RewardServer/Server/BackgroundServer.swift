import Dispatch
import Synchronization

/// A server on a thread of its own, beside a client in the same process.
package final class BackgroundServer: Sendable {
    /// Bound endpoints, with real ports.
    package let endpoints: [String]
    private let server: Server
    private let ending: Ending

    private final class Ending: Sendable {
        let result = Mutex<Result<Void, any Error>?>(nil)
        let endpoints = Mutex<[String]>([])
        let bound = DispatchSemaphore(value: 0)
        let ended = DispatchSemaphore(value: 0)
    }

    /// Returns when the server listens.
    ///
    /// - Throws: what kept it from listening.
    package init(_ server: Server) throws {
        self.server = server
        let ending = Ending()
        self.ending = ending
        ThreadStart.detached {
            let result = Result {
                try server.run { endpoints in
                    ending.endpoints.withLock { $0 = endpoints }
                    ending.bound.signal()
                }
            }
            ending.result.withLock { $0 = result }
            ending.bound.signal()
            ending.ended.signal()
        }
        ending.bound.wait()
        endpoints = ending.endpoints.withLock { $0 }
        if endpoints.isEmpty { try ending.result.withLock { $0 }?.get() }
    }

    /// Waits until the server has ended and throws what ended it. False: it has not, within the limit.
    package func wait(seconds: Int) throws -> Bool {
        guard ending.ended.wait(timeout: .now() + .seconds(seconds)) == .success else { return false }
        ending.ended.signal()
        try ending.result.withLock { $0 }?.get()
        return true
    }

    /// Refuses new work, answers what was accepted, and returns when that is done.
    package func stop() throws {
        server.drain()
        ending.ended.wait()
        ending.ended.signal()
        try ending.result.withLock { $0 }?.get()
    }

    package func drain() { server.drain() }

    package func poke() { server.poke() }
}
