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

        init(endpoint: String) throws {
            self.endpoint = endpoint
            let binary = "\(Fixtures.repository)/.build/release/rahf"
            let arguments = [
                binary, "serve", "--model", TinyModel.folder, "--bind", endpoint, "--log-level", "error",
                "--max-batch", "1",
            ]
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

    /// A server that is killed under load and started again: every client gets every answer, none wrong.
    @Test func killedAndRestartedTheServerStillAnswersEverything() throws {
        let predictor = try TinyModel.predictor.get()
        let prompts = (0..<4).map { "a cat with \($0) tails" }
        let wanted = prompts.map { predictor.predict([TinyModel.item($0, .all)])[0] }
        var service = try Service("killed")
        let endpoint = service.endpoint
        let finished = Atomic(0)
        let wrong = Mutex<[Int]>([])
        for index in 0..<4 {
            ThreadStart.detached {
                let policy = RetryPolicy(timeout: .seconds(20), tries: 50, heartbeat: .milliseconds(300))
                var bad = 100
                if let remote = try? RemoteScorer(endpoint, policy: policy) {
                    bad = (0..<60).count { _ in
                        remote.predict([TinyModel.item(prompts[index], .all)]) != [wanted[index]]
                    }
                }
                wrong.withLock { $0.append(bad) }
                finished.add(1, ordering: .acquiringAndReleasing)
            }
        }
        var kills = 0
        while finished.load(ordering: .acquiring) < 4, kills < 5 {
            usleep(400_000)
            kill(service.process, SIGKILL)
            #expect(service.exitCode() == 1000 + SIGKILL)
            kills += 1
            service = try Service(endpoint: endpoint)
        }
        for _ in 0..<60_000 where finished.load(ordering: .acquiring) < 4 { usleep(1000) }
        #expect(wrong.withLock { $0 } == [0, 0, 0, 0])
        #expect(kills > 1, "the clients were too quick to be disturbed")
        kill(service.process, SIGTERM)
        #expect(service.exitCode() == 0)
    }
}
