import ArgumentParser
import Glibc
import Logging
import RewardModel
import RewardServer

/// `rahf serve --workers`: processes behind a proxy in this one.
extension ServeCommand {
    func runWorkers(_ count: Int) throws {
        let log = try ServeLog.start("rahf.serve", level: logLevel, format: watchOptions.logFormat)
        let target = SignalTarget<WorkersEnd>()
        var hangUp: (@Sendable () -> Void)?
        if curveClients != nil { hangUp = { target.with { $0.proxy.reloadClients() } } }
        TerminationSignals.take(hangUp: hangUp) { name in
            log.notice("\(name)")
            target.end { $0.end() }
        }
        // A socket's address holds 107 bytes, its name in the folder included.
        let folder = try makeTemporaryFolder("rahf-workers", longest: 107 - "/\(count).sock".utf8.count)
        defer { rmdir(folder) }
        let endpoints = (1...count).map { "ipc://\(folder)/\($0).sock" }
        defer { for endpoint in endpoints { unlink(String(endpoint.dropFirst(6))) } }
        var configuration = Proxy.Configuration(
            addresses: try ServeLog.addresses(bind, encrypted: curveSecret != nil, insecure: insecure),
            servers: endpoints)
        configuration.maxMessageBytes = maxMessage << 20
        configuration.security = try security()
        FileDescriptors.raiseLimit()
        let proxy = try Proxy(configuration, log: log)
        let workers = try WorkerProcesses(
            try endpoints.enumerated().map { try command(endpoint: $1, worker: $0 + 1, workers: count) }, log: log)
        target.set(WorkersEnd(proxy: proxy, workers: workers)) { $0.end() }
        try proxy.run { endpoints in
            // An address that cannot be had is known before a model is loaded.
            workers.start()
            for endpoint in endpoints { log.notice("listening", metadata: ["endpoint": "\(endpoint)"]) }
        }
        log.notice("drained")
    }

    /// The workers first, whose last answers still pass the proxy.
    private struct WorkersEnd: Sendable {
        var proxy: Proxy
        var workers: WorkerProcesses

        func end() {
            workers.end()
            proxy.stop()
        }
    }

    private func command(endpoint: String, worker: Int, workers: Int) throws -> [String] {
        let threads = try modelOptions.checkedThreads() ?? max(Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))), 1)
        let options = [
            ("model", try modelOptions.path()), ("threads", "\(max(threads / workers, 1))"), ("bind", endpoint),
            ("max-batch", "\(maxBatch)"), ("max-delay", "\(maxDelay)"), ("queue-items", "\(queueItems)"),
            ("queue-megabytes", "\(queueMegabytes)"), ("max-message", "\(maxMessage)"), ("max-items", "\(maxItems)"),
            ("max-pixels", "\(maxPixels)"), ("max-clients", "\(maxClients)"), ("max-unread", "\(maxUnread)"),
            ("drain-time", "\(drainTime)"), ("unready-time", "\(unreadyTime)"), ("log-level", logLevel),
        ]
        return [try Self.executable(), "serve", "--until-eof"] + options.flatMap { ["--\($0)", $1] }
            + (try watchOptions.arguments(worker: worker, of: workers, insecure: insecure))
    }

    private static func executable() throws -> String {
        var path = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/self/exe", &path, path.count)
        guard count > 0 else { throw Failure(.fileError, "/proc/self/exe: \(String(cString: strerror(errno)))") }
        return String(decoding: path.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
