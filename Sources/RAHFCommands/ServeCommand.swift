import ArgumentParser
import Glibc
import Logging
import RewardImage
import RewardModel
import RewardServer
import RewardWire
import Synchronization

/// `rahf serve`: answers scoring requests over ZeroMQ until it is told to stop.
struct ServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Serve a model over ZeroMQ.",
        discussion: """
            Protocols/README.md is the contract. SIGTERM and SIGINT end politely: accepted requests are answered, new \
            ones refused as draining, and the exit code is 0. A second signal ends at once.
            """)

    @OptionGroup var modelOptions: ModelOptions
    @Option(help: "tcp://HOST:PORT or ipc://PATH, also several times. Port * lets the system choose.")
    var bind: [String] = ["tcp://127.0.0.1:5555"]
    @Flag(help: "Allow addresses that other machines can reach. Nothing is encrypted and anyone may ask.")
    var insecure = false
    @Option(help: "Most items of one pass.")
    var maxBatch = 8
    @Option(help: "Milliseconds an idle engine waits for a fuller batch.")
    var maxDelay = 0
    @Option(help: "Most items waiting; more are refused as overload.")
    var queueItems = 256
    @Option(help: "Most MiB waiting; more are refused as overload.")
    var queueMegabytes = 1024
    @Option(help: "Largest message in MiB.")
    var maxMessage = 256
    @Option(help: "Most items of one request.")
    var maxItems = 256
    @Option(help: "Most pixels of one image.")
    var maxPixels = 64_000_000
    @Option(help: "Seconds a drain may take before what is left is refused.")
    var drainTime = 30
    @Option(help: "trace, debug, info, notice, warning or error. No level logs prompts or pixels.")
    var logLevel = "info"

    func validate() throws {
        let bounds = [
            ("max-batch", maxBatch, 1...1024), ("max-delay", maxDelay, 0...60_000),
            ("queue-items", queueItems, 1...1_000_000), ("queue-megabytes", queueMegabytes, 1...1_000_000),
            ("max-message", maxMessage, 1...2047), ("max-items", maxItems, 1...100_000),
            ("max-pixels", maxPixels, 1...1_000_000_000), ("drain-time", drainTime, 0...86_400),
        ]
        for (name, value, range) in bounds where !range.contains(value) {
            throw ValidationError("--\(name) is \(value), not in \(range.lowerBound)...\(range.upperBound)")
        }
        _ = try level()
        _ = try configurationOfServer()
    }

    func run() throws {
        let level = try level()
        LoggingSystem.bootstrap { label in
            var handler = StreamLogHandler.standardError(label: label)
            handler.logLevel = level
            return handler
        }
        let log = Logger(label: "rahf.serve")
        let target = DrainTarget()
        TerminationSignals.take { name in
            log.notice("\(name)")
            target.drain()
        }
        let predictor = try modelOptions.load(maxBatch: maxBatch)
        let server = try Server(try configurationOfServer(), scorer: predictor, log: log)
        target.set(server)
        let model: Logger.Metadata = ["model": "\(predictor.info.name)", "digest": "\(predictor.info.digest)"]
        log.info("loaded", metadata: model)
        if !predictor.info.config.trained { log.warning("the model is untrained: its numbers mean nothing") }
        try server.run { endpoints in
            for endpoint in endpoints { log.notice("listening", metadata: ["endpoint": "\(endpoint)"]) }
        }
        log.notice("drained")
        // A pass that outlived the drain still runs on its thread: nothing may be torn down under it.
        _exit(0)
    }

    private func level() throws -> Logger.Level {
        guard let level = Logger.Level(rawValue: logLevel) else {
            throw ValidationError("--log-level knows no '\(logLevel)'")
        }
        return level
    }

    private func configurationOfServer() throws -> ServerConfiguration {
        var configuration = ServerConfiguration(
            addresses: try bind.map { text in
                do throws(BindAddress.Refusal) { return try BindAddress(text, insecure: insecure) } catch {
                    throw ValidationError("--bind: \(error.description)")
                }
            })
        configuration.limits.maxMessageBytes = maxMessage << 20
        configuration.limits.maxItems = maxItems
        configuration.limits.image.maxPixels = maxPixels
        configuration.queue = SchedulerLimits(
            maxBatch: maxBatch, maxDelay: .milliseconds(maxDelay), maxQueuedItems: queueItems,
            maxQueuedBytes: queueMegabytes << 20)
        configuration.drainTime = .seconds(drainTime)
        return configuration
    }
}

/// The server to drain when a signal comes, also when it comes while the model loads.
private final class DrainTarget: Sendable {
    private let state = Mutex<(server: Server?, isDraining: Bool)>((nil, false))

    func set(_ server: Server) {
        let isDraining = state.withLock { state in
            state.server = server
            return state.isDraining
        }
        if isDraining { server.drain() }
    }

    func drain() {
        state.withLock { state in
            state.isDraining = true
            return state.server
        }?.drain()
    }
}
