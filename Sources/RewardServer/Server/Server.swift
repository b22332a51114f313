package import Logging
package import RewardModel
import RewardWire
import Synchronization

/// A reward server: one thread owns the sockets and the queue, another decodes and runs the model.
package final class Server: Sendable {
    /// Why a server did not start or stopped by itself.
    package enum Problem: Error, CustomStringConvertible {
        /// The model failed its first pass.
        case unusableModel(Failure)

        package var description: String {
            switch self {
            case .unusableModel(let failure): "the model failed its first pass: \(failure.message)"
            }
        }
    }

    private let configuration: ServerConfiguration
    private let scorer: any Scorer
    private let log: Logger
    private let wakeUp: WakeUp
    private let drainRequested = Atomic(false)

    package init(_ configuration: ServerConfiguration, scorer: any Scorer, log: Logger) throws {
        precondition(!configuration.addresses.isEmpty, "a server listens somewhere")
        self.configuration = configuration
        self.scorer = scorer
        self.log = log
        wakeUp = try WakeUp()
    }

    /// Serves until drained, on the calling thread.
    ///
    /// - Parameter onBound: is called once with the bound endpoints, before the first request is read.
    package func run(onBound: ([String]) -> Void = { _ in }) throws {
        let context = try Context()
        let listener = try Listener(configuration, in: context, log: log) { [wakeUp] in wakeUp.signal() }
        onBound(listener.endpoints)
        let engine = EngineQueue(scorer, limits: configuration.limits, wakeUp: wakeUp)
        var loop = ServerLoop(configuration, listener, engine, model: scorer.info, log: log)
        engine.warmUp()
        while !loop.isDone {
            if drainRequested.load(ordering: .acquiring) { loop.startDraining() }
            try loop.turn()
            let sockets = [listener.socket, listener.monitor.socket]
            _ = try Poll.wait(for: sockets, wakeUp: wakeUp, timeout: loop.timeToNextEvent)
        }
        try loop.refuseTheRest()
        try listener.close(linger: loop.timeToSend)
    }

    /// Reads the list of clients again, whether or not its file looks changed. Any thread.
    package func reloadClients() {
        guard let clients = configuration.security?.clients else { return }
        if clients.reloadAndLog(log, always: true) { wakeUp.signal() }
    }

    /// Makes the sockets' thread turn. Any thread.
    package func poke() { wakeUp.signal() }

    /// Refuses new work from now on, answers what was accepted, then ends `run`. Any thread.
    package func drain() {
        drainRequested.store(true, ordering: .releasing)
        wakeUp.signal()
    }
}
