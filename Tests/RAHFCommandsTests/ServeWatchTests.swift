import FoundationEssentials
import Glibc
import RewardTestSupport
import Testing

/// What `rahf serve` shows of itself: logs and addresses; and `rahf load-test`.
@Suite struct ServeWatchTests {
    private static let decoder = {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return decoder
    }()

    private struct Line: Decodable {
        var time: String
        var level: String
        var message: String
        var request: String?
        var prompts: [String]?
    }

    @Test func jsonLogsNameRequestsAndPromptsOnlyWhenAsked() throws {
        let folder = try TemporaryFolder()
        for logsPrompts in [false, true] {
            let options = ["--log-format", "json", "--log-level", "trace"] + (logsPrompts ? ["--log-prompts"] : [])
            let serve = try WatchedServe(folder, options)
            let prompt = "a \\\"secret\\\" zebra"
            let picture = "\(RAHFProcess.model)/picture-0.png"
            #expect(RAHFProcess.run("score --server \(serve.endpoint) --prompt \"\(prompt)\" \(picture)").code == 0)
            #expect(serve.end() == 0)
            let lines = try serve.log.split(separator: "\n").map { line in
                try Self.decoder.decode(Line.self, from: Data(line.utf8))
            }
            #expect(lines.count > 4 && lines.allSatisfy { $0.time.count == 24 && $0.time.hasSuffix("Z") })
            let accepted = try #require(lines.first { $0.message == "accepted" })
            let answered = try #require(lines.first { $0.message == "answered" })
            #expect(accepted.request == answered.request && accepted.request?.count == 32)
            #expect(accepted.prompts == (logsPrompts ? ["a \"secret\" zebra"] : nil))
            #expect(serve.log.contains("zebra") == logsPrompts)
        }
    }

    @Test func metricsFollowTheServicesRulesForAddresses() throws {
        let folder = try TemporaryFolder()
        for address in ["0.0.0.0:9464", "localhost:9464", "127.0.0.1", "127.0.0.1:70000", "[::]:1", ":9464"] {
            let run = RAHFProcess.run("serve --model \(RAHFProcess.model) --metrics '\(address)'")
            #expect(run.code == 64, "\(address)")
        }
        let serve = try WatchedServe(folder, ["--metrics", "127.0.0.1:*"])
        let found = try #require(serve.log.firstRange(of: "http://127.0.0.1:"))
        let address = "http://127.0.0.1:" + serve.log[found.upperBound...].prefix { $0.isNumber }
        #expect(serve.end() == 0 && address.count > 18)
        for limit in ["1KB", "x", "-5GB", "5PB", "99999999999GB"] {
            let run = RAHFProcess.run(
                "serve --model \(RAHFProcess.model) --record \(folder.path)/r --record-limit=\(limit)")
            #expect(run.code == 64, "\(limit)")
        }
    }

    private struct Load: Decodable {
        var requests: Int
        var images: Int
        var failures: Int
        var failuresByCode: [String: Int]
        var rate: Double?
        var p50Ms: Double
        var p999Ms: Double
        var maxMs: Double
    }

    @Test func loadTestsMeasureAtARateAndCountRefusals() throws {
        let folder = try TemporaryFolder()
        let serve = try WatchedServe(folder, ["--queue-items", "2", "--max-batch", "1", "--log-level", "info"])
        let options = "load-test --server \(serve.endpoint) --seconds 1"
        let open = RAHFProcess.run("\(options) --clients 2 --rate 10 --sizes 32x32,48x16")
        let steady = try Self.decoder.decode(Load.self, from: Data(open.output.utf8))
        #expect(open.code == 0 && steady.rate == 10 && (1...40).contains(steady.requests))
        #expect(steady.images == steady.requests && steady.p50Ms > 0 && steady.p50Ms <= steady.p999Ms)
        #expect(steady.p999Ms <= steady.maxMs)
        let full = RAHFProcess.run("\(options) --clients 16")
        let crowd = try Self.decoder.decode(Load.self, from: Data(full.output.utf8))
        #expect(full.code == 1 && crowd.failures > 0 && crowd.failuresByCode["overloaded"] == crowd.failures)
        #expect(RAHFProcess.run("\(options) --clients 8 --retry --format table").output.contains("p99 ms"))
        #expect(RAHFProcess.run("\(options) --sizes 3").code == 64)
        #expect(serve.end() == 0)
    }
}
