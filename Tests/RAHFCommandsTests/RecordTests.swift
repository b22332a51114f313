import FoundationEssentials
import Glibc
import Logging
import RAHFCommands
import RewardModel
import RewardServer
import RewardTestSupport
import Synchronization
import Testing

/// `rahf serve --record` and `rahf replay`.
@Suite struct RecordTests {
    private static let decoder = {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return decoder
    }()

    private static let model = RAHFProcess.model
    private static let other = Fixtures.path("RewardModelTests", "golden-augmented-paper")

    private struct Report: Decodable {
        struct Problem: Decodable {
            var truncatedEnd: Bool
        }
        struct Output: Decodable {
            var items: Int
            var largest: Float
        }
        var records: Int
        var equal: Int
        var different: Int
        var unreadableRecords: Int
        var problems: [Problem]
        var outputs: [String: Output]
    }

    private func replay(_ folder: String, _ options: String) throws -> (report: Report, code: Int32) {
        let run = RAHFProcess.run("replay \(folder) --format json \(options)")
        return (try Self.decoder.decode(Report.self, from: Data(run.output.utf8)), run.code)
    }

    /// A folder with three requests: scores of two images, a gradient, everything of one image.
    private func recorded(_ folder: TemporaryFolder) throws -> String {
        let path = "\(folder.path)/record"
        let serve = try WatchedServe(folder, ["--record", path, "--log-level", "info"])
        let pictures = "\(Self.model)/picture-0.png \(Self.model)/picture-1.png"
        let server = "--server \(serve.endpoint) --prompt 'a red cat, on a mat'"
        #expect(RAHFProcess.run("score \(server) --outputs scores,words \(pictures)").code == 0)
        let out = "--out \(folder.path)/g.npy \(Self.model)/picture-0.png"
        #expect(RAHFProcess.run("gradient \(server) --of plausibility=1,implausibility.mass=-0.01 \(out)").code == 0)
        let heatmaps = "--heatmaps-to \(folder.path)/maps \(Self.model)/picture-1.png"
        #expect(RAHFProcess.run("score \(server) \(heatmaps)").code == 0)
        #expect(serve.end() == 0)
        return path
    }

    @Test func whatWasRecordedIsScoredAgainToTheSameBits() throws {
        let folder = try TemporaryFolder()
        let path = try recorded(folder)
        var status = stat()
        #expect(stat(path, &status) == 0 && status.st_mode & 0o777 == 0o700)
        #expect(stat("\(path)/00000001.tfrecord", &status) == 0 && status.st_mode & 0o777 == 0o600)
        let (report, code) = try replay(path, "--model \(Self.model)")
        #expect(code == 0 && report.records == 3 && report.equal == 4 && report.different == 0)

        // Through a server too, which records in its turn.
        let serve = try WatchedServe(folder, ["--record", path])
        let second = try replay(path, "--server \(serve.endpoint)")
        #expect(second.code == 0 && second.report.equal >= 4)
        #expect(serve.end(SIGKILL) == 1000 + SIGKILL)
        let third = try replay(path, "--model \(Self.model)")
        #expect(third.code == 0 && third.report.equal >= 8, "records of a server that was killed are whole")

        let list = RAHFProcess.run("replay \(path) --list").output
        #expect(list.contains("\"prompt\":\"a red cat, on a mat\"") && list.contains("\"plausibility\":"))
    }

    @Test func recordServesAndKeepsALog() throws {
        let folder = try TemporaryFolder()
        let path = "\(folder.path)/record"
        let serve = try WatchedServe(folder, command: ["record", path], ["--record-limit", "5MB"])
        let picture = "\(Self.model)/picture-0.png"
        #expect(RAHFProcess.run("score --server \(serve.endpoint) --prompt 'a cat' \(picture)").code == 0)
        #expect(serve.end() == 0)
        let (report, code) = try replay(path, "--model \(Self.model)")
        #expect(code == 0 && report.records == 1 && report.equal == 1)
        let twice = RAHFProcess.run("record \(path) --record \(path) --model \(Self.model)")
        #expect(twice.code == 64, "\(twice.output)")
    }

    @Test func anotherModelIsFoundOut() throws {
        let folder = try TemporaryFolder()
        let path = try recorded(folder)
        let (report, code) = try replay(path, "--model \(Self.other)")
        #expect(code == 1 && report.different == 4 && report.equal == 0)
        #expect(report.outputs["scores"]?.items == 3 && report.outputs["gradient"]?.items == 1)
        #expect(try #require(report.outputs["scores"]).largest > 0)
        let table = RAHFProcess.run("replay \(path) --model \(Self.other)")
        #expect(table.code == 1 && table.output.contains("scores was"))
    }

    @Test func anUnfinishedEndIsToleratedAndAWrongByteIsNot() throws {
        let folder = try TemporaryFolder()
        let path = try recorded(folder)
        let file = "record/00000001.tfrecord"
        let whole = try folder.read(file)
        for cut in [1, 20, 2000] {
            try folder.write(Array(whole.dropLast(cut)), file)
            let (report, code) = try replay(path, "--model \(Self.model)")
            #expect(code == 0 && report.records == 2 && report.problems.map(\.truncatedEnd) == [true], "cut \(cut)")
        }
        var wrong = whole
        wrong[wrong.count / 2] ^= 1
        try folder.write(wrong, file)
        let (report, code) = try replay(path, "--model \(Self.model)")
        #expect(code == 2 && report.problems.map(\.truncatedEnd) == [false])
        #expect(RAHFProcess.run("replay \(folder.path)/none --model \(Self.model)").code != 0)
    }

    // MARK: The files

    private final class Events: Sendable {
        private let counts = Mutex((written: 0, lost: 0))

        func note(_ event: ServerEvent) {
            counts.withLock { counts in
                switch event {
                case .recorded: counts.written += 1
                case .recordLost: counts.lost += 1
                default: break
                }
            }
        }

        var written: Int { counts.withLock { $0.written } }
        var lost: Int { counts.withLock { $0.lost } }
    }

    private func log(_ path: String, limit: Int, _ events: Events) throws -> RecordLog {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        return try RecordLog(folder: path, limit: limit, log: logger) { events.note($0) }
    }

    private func exchange(_ number: Int, bytes: Int) -> RecordedExchange {
        RecordedExchange(
            receivedMicroseconds: UInt64(number),
            request: [[1], [UInt8](repeating: UInt8(number % 256), count: bytes)],
            reply: [[2]])
    }

    @Test func theFilesStayWithinTheirLimitAndTheNewestAreKept() throws {
        let folder = try TemporaryFolder()
        let path = "\(folder.path)/record"
        let limit = 200_000
        for run in 0..<3 {
            let events = Events()
            let log = try log(path, limit: limit, events)
            for number in 0..<200 { log.add(exchange(number, bytes: 3000 + number)) }
            log.close()
            #expect(events.written == 200 && events.lost == 0)
            let names = try folder.names("record")
            let sizes = try names.map { try folder.read("record/\($0)").count }
            #expect(sizes.reduce(0, +) <= limit && sizes.reduce(0, +) > limit * 3 / 4, "run \(run): \(sizes)")
            #expect(sizes.allSatisfy { $0 <= limit / 16 })
            let list = RAHFProcess.run("replay \(path) --model \(Self.model) --format json")
            #expect(list.code == 2, "these are no requests, and said to be none")
        }
    }

    @Test func oneServerAtATimeRecordsInAFolder() throws {
        let folder = try TemporaryFolder()
        let events = Events()
        let first = try log("\(folder.path)/record", limit: 1_000_000, events)
        #expect(throws: Failure.self) { try log("\(folder.path)/record", limit: 1_000_000, events) }
        first.close()
    }

    @Test func aFolderThatVanishesCostsRecordsAndNothingElse() throws {
        let folder = try TemporaryFolder()
        let events = Events()
        let log = try log("\(folder.path)/record", limit: 64_000, events)
        try FileManager.default.removeItem(atPath: "\(folder.path)/record")
        for number in 0..<5 { log.add(exchange(number, bytes: 3000)) }
        log.add(exchange(6, bytes: 100_000))
        log.close()
        #expect(events.lost == 6 && events.written == 0)
    }
}
