import Glibc
import Logging
import RewardModel
import RewardServer
import RewardWire
import Synchronization
import Testing

/// Several servers behind ZeroMQ's proxy.
@Suite struct ProxyTests {
    /// A proxy on a thread of its own.
    private final class RunningProxy: Sendable {
        let endpoint: String
        private let proxy: Proxy

        init(_ servers: [String]) throws {
            var log = Logger(label: "test")
            log.logLevel = .critical
            let proxy = try Proxy(
                .init(addresses: [try BindAddress("tcp://127.0.0.1:*")], servers: servers), log: log)
            self.proxy = proxy
            let bound = Mutex<[String]>([])
            let shared = Box(bound)
            let done = Flag()
            ThreadStart.detached {
                try? proxy.run { endpoints in shared.value.withLock { $0 = endpoints } }
                done.isSet.store(true, ordering: .releasing)
            }
            var found: [String] = []
            for _ in 0..<5000 where found.isEmpty {
                usleep(1000)
                found = shared.value.withLock { $0 }
            }
            endpoint = try #require(found.first)
            flag = done
        }

        private let flag: Flag

        func stop() {
            proxy.stop()
            for _ in 0..<5000 where !flag.isSet.load(ordering: .acquiring) { usleep(1000) }
            let hasEnded = flag.isSet.load(ordering: .acquiring)
            #expect(hasEnded)
        }

        private final class Flag: Sendable {
            let isSet = Atomic(false)
        }

        private final class Box: Sendable {
            let value: Mutex<[String]>
            init(_ value: consuming Mutex<[String]>) { self.value = value }
        }
    }

    @Test func answersHaveTheSameBitsAndGoToWhoAsked() throws {
        let predictor = try TinyModel.predictor.get()
        let servers = try (0..<2).map { _ in try RunningServer(predictor) }
        let proxy = try RunningProxy(servers.map(\.endpoint))
        let endpoint = proxy.endpoint
        let prompts = (0..<6).map { "a cat with \($0) tails" }
        let alone = prompts.map { predictor.predict([TinyModel.item($0, .all)])[0] }
        let wrong = OnThread.all(6) { index in
            guard let remote = try? RemoteScorer(endpoint) else { return 1000 }
            return (0..<10).count { _ in remote.predict([TinyModel.item(prompts[index], .all)]) != [alone[index]] }
        }
        #expect(wrong == [Int](repeating: 0, count: 6))
        proxy.stop()
        for server in servers { try server.stop() }
    }

    /// Ids are the clients' own; a server must tell clients apart although all come over one connection.
    @Test(arguments: [Socket.Kind.dealer, .request]) func clientsOfOneProxyMayUseTheSameIds(kind: Socket.Kind) throws {
        let scorer = try SlowScorer(isOpen: false)
        let server = try RunningServer(scorer)
        let proxy = try RunningProxy([server.endpoint])
        let clients = try (0..<3).map { _ in try RawClient(proxy.endpoint, kind) }
        for (index, client) in clients.enumerated() {
            try client.send(1, [TinyModel.item(String(repeating: "x", count: index + 1))])
        }
        let direct = try RawClient(server.endpoint)
        try direct.wait { $0.queuedItems + $0.runningItems == 3 }
        scorer.open()
        for (index, client) in clients.enumerated() {
            let reply = try client.reply()
            #expect(reply.header.status.code == .ok)
            #expect(reply.header.items.first?.scores.overall == Float(index + 1) / 1000)
        }
        proxy.stop()
        try server.stop()
    }

    /// One of two servers takes requests and never answers; then its connection is cut. Clients hear no sign of life,
    /// ask again, and the other answers.
    @Test func theWorkOfADeadServerGoesToALiveOne() throws {
        let mute = try MuteServer()
        let living = try RunningServer(try SlowScorer())
        let proxy = try RunningProxy([mute.endpoint, living.endpoint])
        let endpoint = proxy.endpoint
        let first = try RawClient(endpoint)
        for _ in 0..<1000 where mute.swallowed == 0 {
            try first.send(RequestWriter.health(id: [1]))
            usleep(5000)
        }
        let policy = RetryPolicy(timeout: .seconds(30), tries: 8, heartbeat: .milliseconds(300))
        let failures = OnThread.all(4) { index in
            guard let remote = try? RemoteScorer(endpoint, policy: policy) else { return 100 }
            return (0..<4).count { round in
                let prompt = String(repeating: "x", count: index * 4 + round + 1)
                let result = remote.predict([TinyModel.item(prompt)])[0]
                return (try? result.get().scores?.overall) != Float(prompt.utf8.count) / 1000
            }
        }
        #expect(failures == [0, 0, 0, 0])
        #expect(mute.swallowed > 1, "the dead one had some of it")
        proxy.stop()
        try living.stop()
        mute.stop()
    }

    /// Reads requests and says nothing: a server that died with its work.
    private final class MuteServer: Sendable {
        let endpoint: String
        private let state = State()

        private final class State: Sendable {
            let count = Atomic(0)
            let isStopped = Atomic(false)
            let hasEnded = Atomic(false)
        }

        var swallowed: Int { state.count.load(ordering: .acquiring) }

        init() throws {
            let path = "ipc:///tmp/rahf-mute-\(getpid()).sock"
            endpoint = path
            let state = state
            ThreadStart.detached {
                defer { state.hasEnded.store(true, ordering: .releasing) }
                guard let context = try? Context(), let socket = try? Socket(.router, in: context),
                    (try? socket.bind(path)) != nil
                else { return }
                while !state.isStopped.load(ordering: .acquiring) {
                    _ = try? Poll.wait(for: [socket], timeout: .milliseconds(20))
                    while (try? socket.receive(maxFrames: 10)) != nil {
                        state.count.add(1, ordering: .acquiringAndReleasing)
                    }
                }
            }
        }

        func stop() {
            state.isStopped.store(true, ordering: .releasing)
            while !state.hasEnded.load(ordering: .acquiring) { usleep(1000) }
        }
    }
}
