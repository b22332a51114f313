import Glibc
import RewardModel
import RewardServer
import RewardTestSupport
import RewardWire
import Synchronization
import Testing

/// The built `rahf serve` as a process, told to stop while it works.
@Suite struct ProcessTests {
    private struct Service: Sendable {
        let endpoint: String
        let process: pid_t

        init(_ name: String) throws {
            try self.init(endpoint: "ipc:///tmp/rahf-\(name)-\(getpid()).sock")
        }

        init(endpoint: String, _ options: [String] = []) throws {
            self.endpoint = endpoint
            let binary = "\(Fixtures.repository)/.build/release/rahf"
            let arguments =
                [
                    binary, "serve", "--model", TinyModel.folder, "--bind", endpoint, "--log-level", "error",
                    "--max-batch", "1",
                ] + options
            var cArguments = arguments.map { strdup($0) } + [nil]
            defer { for pointer in cArguments { free(pointer) } }
            var pid = pid_t()
            try #require(posix_spawn(&pid, binary, nil, nil, &cArguments, environ) == 0)
            process = pid
        }

        /// Connects when it is ready, and gives it more work than it does in a moment.
        func busyClient(items: Int) throws -> RawClient {
            let client = try RawClient(endpoint)
            try client.wait { $0.ready }
            try client.send(1, [PredictionItem](repeating: TinyModel.item("a cat", .all), count: items))
            try client.wait { $0.runningItems > 0 }
            return client
        }

        /// The exit code, or 1000 and the signal that ended the process.
        func exitCode() -> Int32 {
            var status: Int32 = 0
            waitpid(process, &status, 0)
            return status & 0x7f == 0 ? status >> 8 & 0xff : 1000 + status & 0x7f
        }
    }

    @Test(arguments: [SIGTERM, SIGINT]) func aSignalUnderLoadAnswersAllThatWasAcceptedAndExitsWith0(
        signal: Int32
    ) throws {
        let service = try Service("signal-\(signal)")
        let client = try service.busyClient(items: 30)
        kill(service.process, signal)
        try client.wait { $0.draining }
        try client.send(2, [TinyModel.item("too late")])
        let refused = try client.reply()
        #expect(refused.header.requestID.elementsEqual([2]) && refused.header.status.code == .draining)
        let reply = try client.reply(.seconds(30))
        #expect(reply.header.items.map(\.status.code) == [WireStatusCode](repeating: .ok, count: 30))
        #expect(service.exitCode() == 0)
    }

    @Test func aSecondSignalEndsAtOnce() throws {
        let service = try Service("twice")
        let client = try service.busyClient(items: 256)
        kill(service.process, SIGTERM)
        try client.wait { $0.draining }
        kill(service.process, SIGINT)
        #expect(service.exitCode() == 128 + SIGINT)
        #expect(try client.receive(.milliseconds(50)) == nil, "256 items were not done yet")
    }

    /// A server that is killed ten times under load and started again: each of eight clients gets every answer by
    /// asking again, each once, none wrong.
    @Test func killedAndRestartedTheServerStillAnswersEverything() throws {
        let predictor = try TinyModel.predictor.get()
        let prompts = (0..<8).map { "a cat with \($0) tails" }
        let wanted = prompts.map { predictor.predict([TinyModel.item($0, .all)])[0] }
        var service = try Service("killed")
        let endpoint = service.endpoint
        let load = Load(clients: 8) { index in
            let policy = RetryPolicy(timeout: .seconds(20), tries: 100, heartbeat: .milliseconds(400))
            guard let remote = try? RemoteScorer(endpoint, policy: policy) else { return nil }
            return { remote.predict([TinyModel.item(prompts[index], .all)]) == [wanted[index]] }
        }
        for kill in 1...10 {
            try load.waitForAnswers(kill * 20)
            Glibc.kill(service.process, SIGKILL)
            #expect(service.exitCode() == 1000 + SIGKILL)
            service = try Service(endpoint: endpoint)
        }
        try load.waitForAnswers(250)
        let (right, wrong) = load.stop()
        #expect(wrong == 0 && right >= 250, "\(right) right, \(wrong) wrong")
        kill(service.process, SIGTERM)
        #expect(service.exitCode() == 0)
    }

    /// Clients on threads that ask again and again, and count right and wrong answers.
    private final class Load: Sendable {
        private let state = State()
        private let clients: Int

        private final class State: Sendable {
            let right = Atomic(0)
            let wrong = Atomic(0)
            let left = Atomic(0)
            let isStopped = Atomic(false)
        }

        /// - Parameter connect: makes one client's question, true for a right answer; nil when it cannot connect.
        init(clients: Int, _ connect: @escaping @Sendable (Int) -> (() -> Bool)?) {
            self.clients = clients
            let state = state
            for index in 0..<clients {
                ThreadStart.detached {
                    if let ask = connect(index) {
                        while !state.isStopped.load(ordering: .acquiring) {
                            if ask() {
                                state.right.add(1, ordering: .acquiringAndReleasing)
                            } else {
                                state.wrong.add(1, ordering: .acquiringAndReleasing)
                            }
                        }
                    } else {
                        state.wrong.add(1000, ordering: .acquiringAndReleasing)
                    }
                    state.left.add(1, ordering: .acquiringAndReleasing)
                }
            }
        }

        func waitForAnswers(_ count: Int) throws {
            for _ in 0..<60_000 where state.right.load(ordering: .acquiring) < count { usleep(1000) }
            let found = state.right.load(ordering: .acquiring)
            #expect(found >= count, "the answers stopped")
        }

        func stop() -> (right: Int, wrong: Int) {
            state.isStopped.store(true, ordering: .releasing)
            for _ in 0..<60_000 where state.left.load(ordering: .acquiring) < clients { usleep(1000) }
            let left = state.left.load(ordering: .acquiring)
            #expect(left == clients, "a client never ended")
            return (state.right.load(ordering: .acquiring), state.wrong.load(ordering: .acquiring))
        }
    }

    /// Workers that are killed are started again, what they had is asked for again, and all end with their parent.
    @Test func workersAreReplacedAndEndWithTheirParent() throws {
        let predictor = try TinyModel.predictor.get()
        let wanted = predictor.predict([TinyModel.item("a cat", .all)])
        let service = try Service(
            endpoint: "ipc:///tmp/rahf-workers-\(getpid()).sock", ["--workers", "2", "--threads", "2"])
        let endpoint = service.endpoint
        let load = Load(clients: 4) { _ in
            let policy = RetryPolicy(timeout: .seconds(20), tries: 100, heartbeat: .milliseconds(400))
            guard let remote = try? RemoteScorer(endpoint, policy: policy) else { return nil }
            return { remote.predict([TinyModel.item("a cat", .all)]) == wanted }
        }
        try load.waitForAnswers(20)
        for round in 1...3 {
            let workers = Self.children(of: service.process)
            #expect(workers.count == 2)
            kill(try #require(workers.first), SIGKILL)
            try load.waitForAnswers(20 + round * 20)
            for _ in 0..<5000 where Self.children(of: service.process).count < 2 { usleep(1000) }
        }
        let (right, wrong) = load.stop()
        #expect(wrong == 0 && right >= 80, "\(right) right, \(wrong) wrong")
        let workers = Self.children(of: service.process)
        #expect(workers.count == 2)
        kill(service.process, SIGTERM)
        #expect(service.exitCode() == 0)
        for worker in workers { #expect(kill(worker, 0) != 0, "worker \(worker) outlived its parent") }
    }

    @Test func workersEndWhenTheirParentIsKilled() throws {
        let service = try Service(endpoint: "ipc:///tmp/rahf-orphans-\(getpid()).sock", ["--workers", "2"])
        var workers: [pid_t] = []
        for _ in 0..<5000 where workers.count < 2 {
            usleep(1000)
            workers = Self.children(of: service.process)
        }
        #expect(workers.count == 2)
        kill(service.process, SIGKILL)
        _ = service.exitCode()
        for _ in 0..<10_000 where workers.contains(where: { Self.isAlive($0) }) { usleep(1000) }
        #expect(!workers.contains { Self.isAlive($0) })
    }

    private static func children(of process: pid_t) -> [pid_t] {
        guard let folder = opendir("/proc/\(process)/task") else { return [] }
        defer { closedir(folder) }
        var children: [pid_t] = []
        // Each thread lists those that it started.
        while let entry = readdir(folder) {
            let thread = withUnsafeBytes(of: &entry.pointee.d_name) { raw in
                String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard let file = fopen("/proc/\(process)/task/\(thread)/children", "r") else { continue }
            defer { fclose(file) }
            var bytes = [UInt8](repeating: 0, count: 4096)
            let text = String(decoding: bytes[..<fread(&bytes, 1, bytes.count, file)], as: UTF8.self)
            children += text.split(separator: " ").compactMap { pid_t($0) }
        }
        return children
    }

    /// Ended processes that nobody has collected do not live.
    private static func isAlive(_ process: pid_t) -> Bool {
        guard let file = fopen("/proc/\(process)/stat", "r") else { return false }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 512)
        let text = String(decoding: bytes[..<fread(&bytes, 1, bytes.count, file)], as: UTF8.self)
        return text.split(separator: ")").last?.first { $0 != " " } != "Z"
    }
}
