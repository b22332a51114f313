import Glibc
import Logging
import RewardModel
import RewardServer
import RewardTestSupport
import RewardWire
import Testing

/// Encryption and who may connect, with real clients.
@Suite struct CurveTests {
    /// A folder with key files, for one test.
    final class Keys {
        private let temporary: TemporaryFolder
        var folder: String { temporary.path }

        init() throws { temporary = try TemporaryFolder() }

        func make(_ name: String) throws -> String { try CurveFile.generate(at: "\(folder)/\(name)") }

        /// As an editor does it: a new file in the old one's place.
        func list(_ text: String) throws {
            let file = try #require(fopen("\(folder)/new", "w"))
            fputs(text, file)
            fclose(file)
            try #require(rename("\(folder)/new", "\(folder)/clients") == 0)
        }

        func security(list: Bool = true) throws -> ServerSecurity {
            try ServerSecurity(
                secretFile: "\(folder)/server.key_secret", clientsFile: list ? "\(folder)/clients" : nil)
        }

        func client(_ name: String?, server: String = "server") throws -> ClientSecurity {
            try ClientSecurity(
                serverFile: "\(folder)/\(server).key", secretFile: name.map { "\(folder)/\($0).key_secret" })
        }
    }

    private let quick = RetryPolicy(timeout: .seconds(20), tries: 2, heartbeat: .seconds(2))

    private func refusal(_ endpoint: String, _ security: ClientSecurity?) -> FailureCode? {
        do throws(Failure) {
            _ = try RemoteScorer(endpoint, policy: quick, security: security)
            return nil
        } catch { return error.code }
    }

    @Test func keyFilesAreTheirOwnersAndNeverWrittenOver() throws {
        let keys = try Keys()
        let key = try keys.make("alice")
        #expect(key.utf8.count == 40)
        var status = stat()
        #expect(stat("\(keys.folder)/alice.key_secret", &status) == 0 && status.st_mode & 0o777 == 0o600)
        #expect(try CurveFile.keyPair(path: "\(keys.folder)/alice.key_secret").publicText == key)
        let again = #expect(throws: Failure.self) { try keys.make("alice") }
        #expect(again?.code == .fileError)
        #expect(try CurveFile.keyPair(path: "\(keys.folder)/alice.key_secret").publicText == key, "nothing was lost")
        chmod("\(keys.folder)/alice.key_secret", 0o640)
        let open = #expect(throws: Failure.self) { try CurveFile.keyPair(path: "\(keys.folder)/alice.key_secret") }
        #expect(open?.message.contains("chmod 600") == true)
        // A public file is no secret one.
        chmod("\(keys.folder)/alice.key", 0o600)
        #expect(throws: Failure.self) { try CurveFile.keyPair(path: "\(keys.folder)/alice.key") }
    }

    @Test func aSecretKeyShowsNowhere() throws {
        let keys = try Keys()
        _ = try keys.make("alice")
        let pair = try CurveFile.keyPair(path: "\(keys.folder)/alice.key_secret")
        let text = try #require(fopen("\(keys.folder)/alice.key_secret", "r")).contents()
        let quoted = try #require(text.split(separator: "\n").last?.split(separator: "\"").dropFirst().first)
        var dumped = ""
        dump(pair, to: &dumped)
        for shown in ["\(pair)", String(reflecting: pair), dumped] { #expect(!shown.contains(quoted)) }
    }

    @Test func anEncryptedServerAnswersWithTheSameBits() throws {
        let keys = try Keys()
        for name in ["server", "bob"] { _ = try keys.make(name) }
        try keys.list("# people\n\n\(try keys.make("alice")) alice of the lab\n")
        let predictor = try TinyModel.predictor.get()
        let security = try keys.security()
        let server = try RunningServer(predictor) { $0.security = security }
        let remote = try RemoteScorer(server.endpoint, security: try keys.client("alice"))
        let items = [TinyModel.item("a cat", .all), TinyModel.item("a red bus", .all)]
        #expect(remote.predict(items) == predictor.predict(items))
        try server.stop()
    }

    @Test func wrongMissingAndUnknownKeysAreRefusedAndSaidSo() throws {
        let keys = try Keys()
        for name in ["server", "other", "bob"] { _ = try keys.make(name) }
        try keys.list("\(try keys.make("alice")) alice\n")
        let security = try keys.security()
        let server = try RunningServer(try SlowScorer()) { $0.security = security }
        let (alice, bob, once) = (try keys.client("alice"), try keys.client("bob"), try keys.client(nil))
        let misled = try keys.client("alice", server: "other")
        #expect(refusal(server.endpoint, alice) == nil)
        #expect(refusal(server.endpoint, bob) == .permissionDenied, "unknown")
        #expect(refusal(server.endpoint, once) == .permissionDenied, "made for once")
        #expect(refusal(server.endpoint, nil) == .permissionDenied, "none")
        #expect(refusal(server.endpoint, misled) == .permissionDenied, "another server's key")
        let plain = try RunningServer(try SlowScorer())
        #expect(refusal(plain.endpoint, alice) == .permissionDenied, "not encrypted")
        #expect(refusal(server.endpoint, alice) == nil, "after all that")
        try server.stop()
        try plain.stop()
    }

    @Test func withoutAListEveryoneWhoKnowsTheServersKeyGetsIn() throws {
        let keys = try Keys()
        for name in ["server", "bob"] { _ = try keys.make(name) }
        let security = try keys.security(list: false)
        let server = try RunningServer(try SlowScorer()) { $0.security = security }
        let (bob, once) = (try keys.client("bob"), try keys.client(nil))
        #expect(refusal(server.endpoint, bob) == nil)
        #expect(refusal(server.endpoint, once) == nil)
        #expect(refusal(server.endpoint, nil) == .permissionDenied)
        try server.stop()
    }

    @Test func aRevokedKeyLosesItsConnectionAndOthersDoNot() throws {
        let keys = try Keys()
        _ = try keys.make("server")
        let (alice, bob) = (try keys.make("alice"), try keys.make("bob"))
        try keys.list("\(alice) alice\n\(bob) bob\n")
        let security = try keys.security()
        let scorer = try SlowScorer(isOpen: false)
        let server = try RunningServer(scorer) {
            $0.security = security
            $0.queue.maxBatch = 1
        }
        let (aliceKeys, bobKeys) = (try keys.client("alice"), try keys.client("bob"))
        let loser = try RawClient(server.endpoint, security: aliceKeys)
        let stays = try RawClient(server.endpoint, security: bobKeys)
        try stays.send(1, [TinyModel.item("stays")])
        try stays.wait { $0.runningItems == 1 }
        try loser.send(1, (0..<20).map { TinyModel.item("\($0)") })
        try stays.wait { $0.queuedItems == 20 }
        try keys.list("\(bob) bob\n")
        // Without a signal: the file is looked at every second.
        let refused = try loser.reply()
        #expect(refused.header.items.map(\.status.code) == [WireStatusCode](repeating: .permissionDenied, count: 20))
        try stays.wait { $0.queuedItems == 0 }
        #expect(refusal(server.endpoint, aliceKeys) == .permissionDenied)
        scorer.open()
        #expect(try stays.reply().header.items.map(\.status.code) == [.ok])
        // A slip leaves everything as it was; the next good list counts.
        try keys.list("no key at all\n")
        usleep(1_300_000)
        #expect(refusal(server.endpoint, bobKeys) == nil)
        try keys.list("\(alice) alice\n")
        for _ in 0..<100 where refusal(server.endpoint, aliceKeys) != nil { usleep(50_000) }
        #expect(refusal(server.endpoint, aliceKeys) == nil)
        #expect(refusal(server.endpoint, bobKeys) == .permissionDenied)
        try server.stop()
    }

    @Test func listsNameTheLineThatIsWrong() throws {
        let keys = try Keys()
        let alice = try keys.make("alice")
        for (text, word) in [("\(alice) a\nshort\n", "line 2"), ("\(alice)\n\(alice)\n", "twice")] {
            try keys.list(text)
            let failure = #expect(throws: Failure.self) { try ClientList(path: "\(keys.folder)/clients") }
            #expect(failure?.message.contains(word) == true)
        }
        #expect(throws: Failure.self) { try ClientList(path: "\(keys.folder)/none") }
    }

    @Test func encryptionLetsOtherMachinesReachTheServer() throws {
        #expect(try BindAddress("tcp://0.0.0.0:1", encrypted: true).endpoint == "tcp://0.0.0.0:1")
    }
}

extension UnsafeMutablePointer<FILE> {
    fileprivate func contents() -> String {
        defer { fclose(self) }
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        return String(decoding: bytes[..<fread(&bytes, 1, bytes.count, self)], as: UTF8.self)
    }
}
