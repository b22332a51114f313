import FoundationEssentials
import Glibc
import RewardCuration
import RewardImage
import RewardModel
import RewardTestSupport
import Testing

/// The built `select-finetune-data`, run and killed as a process.
@Suite struct SelectFinetuneDataTests {
    private static let tool = "\(Fixtures.repository)/.build/release/select-finetune-data"
    private static let model = Fixtures.path("RewardModelTests", "golden-multi-port")

    /// Starts the tool; its output goes to `log`.
    private func start(_ arguments: [String], log: String = "/dev/null") throws -> pid_t {
        var files = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&files)
        defer { posix_spawn_file_actions_destroy(&files) }
        for descriptor in [Int32(1), 2] {
            posix_spawn_file_actions_addopen(&files, descriptor, log, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        }
        var words: [UnsafeMutablePointer<CChar>?] = ([Self.tool] + arguments).map { strdup($0) }
        defer { words.forEach { free($0) } }
        words.append(nil)
        var process = pid_t()
        try #require(posix_spawn(&process, Self.tool, &files, nil, &words, environ) == 0)
        return process
    }

    private func wait(_ process: pid_t) -> Int32 {
        var status: Int32 = 0
        waitpid(process, &status, 0)
        return status
    }

    private func shell(_ command: String) -> (output: String, code: Int32) {
        guard let pipe = popen("\(command) 2>&1", "r") else { return ("", -1) }
        var output: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while case let count = fread(&chunk, 1, chunk.count, pipe), count > 0 { output += chunk[..<count] }
        return (String(decoding: output, as: UTF8.self), pclose(pipe) >> 8)
    }

    private func writePictures(_ folder: String, _ count: Int) throws -> String {
        var lines = ""
        var state: UInt64 = 5
        for index in 0..<count {
            let pixels = (0..<64 * 64 * 3).map { _ in
                state ^= state << 13
                state ^= state >> 7
                state ^= state << 17
                return UInt8(state >> 56)
            }
            let bytes = PNGEncoder.encode(Image(width: 64, height: 64, rgb: pixels))
            try Data(bytes).write(to: URL(filePath: "\(folder)/\(index).png"))
            lines += "{\"prompt\": \"a red cat number \(index % 40)\", \"image\": \"\(index).png\"}\n"
        }
        try Data(lines.utf8).write(to: URL(filePath: "\(folder)/list.jsonl"))
        return "\(folder)/list.jsonl"
    }

    @Test func killedAtAnyPointAndRunAgainItEndsWithTheSameBytesAndScoresNothingTwice() throws {
        let temporary = try TemporaryFolder()
        defer { withExtendedLifetime(temporary) {} }
        let folder = temporary.path
        let list = try writePictures(folder, 240)
        func arguments(_ out: String) -> [String] {
            [
                "--candidates", list, "--out", "\(folder)/\(out)", "--model", Self.model, "--threshold", "none",
                "--format",
                "imagefolder,webdataset,dpo", "--best", "2", "--report", "--rejects", "--random-control", "3",
            ]
        }
        #expect(wait(try start(arguments("whole"))) == 0)
        let digest = try ModelFolder(path: Self.model).digest
        var kills = 0
        var stored = 0
        var killedWhileScoring = 0
        var pause: useconds_t = 20_000
        while true {
            let process = try start(arguments("killed"), log: "\(folder)/log")
            usleep(pause)
            kill(process, SIGKILL)
            let status = wait(process)
            // It came to its end first.
            if status == 0 { break }
            try #require(status & 0x7f == SIGKILL, "\(shell("cat \(folder)/log").output)")
            if access("\(folder)/killed", F_OK) == 0 {
                // It died between its last two acts.
                #expect(shell("diff -r \(folder)/whole \(folder)/killed").output == "", "no half of an output")
            }
            kills += 1
            let store = "\(folder)/killed.scores.sqlite"
            let rows = access(store, F_OK) == 0 ? try ScoreStore(path: store, model: digest).count() : 0
            #expect(rows >= stored, "what is stored stays")
            if rows > stored, rows < 240 { killedWhileScoring += 1 }
            stored = rows
            // Some runs die before they score, some in the midst of it, some while they write.
            pause += 35_000
            try #require(kills < 200, "every run that is given longer comes further")
        }
        #expect(kills >= 3 && killedWhileScoring > 0)
        let log = try String(contentsOf: URL(filePath: "\(folder)/log"), encoding: .utf8)
        // The last run scored exactly what was not stored yet.
        #expect(stored == 240 ? !log.contains("scored ") : log.contains("scored   \(240 - stored) images now"))
        #expect(shell("diff -r \(folder)/whole \(folder)/killed").output == "")
        #expect(shell("ls -A \(folder) | grep -c partial").output == "0\n", "nothing is left behind")
    }

    @Test func whatCannotBeUsedExitsWith64AndFaultyListsWith1() throws {
        let temporary = try TemporaryFolder()
        defer { withExtendedLifetime(temporary) {} }
        let folder = temporary.path
        let list = try writePictures(folder, 2)
        for wrong in [
            "--candidates \(list)", "--candidates \(list) --out x --by beauty",
            "--candidates \(list) --out x --min alignment=2",
            "--candidates \(list) --out x --top-fraction 0", "--candidates \(list) --out x --best 0",
            "--candidates \(list) --out x --format zip", "--candidates \(list) --out x --threshold high",
            "--candidates \(list) --out x --by overall=0.5,overall=0.5", "--candidates \(list) --out x --link soft",
        ] {
            #expect(shell("\(Self.tool) \(wrong)").code == 64, "\(wrong)")
        }
        let twice = "\(folder)/twice.jsonl"
        _ = shell("cat \(list) \(list) > \(twice)")
        let run = shell("\(Self.tool) --candidates \(twice) --out \(folder)/out --model \(Self.model)")
        #expect(run.code == 1 && run.output.contains("line 3: the same image and prompt as line 1"))
        let missing = shell("env -u RAHF_MODEL \(Self.tool) --candidates \(list) --out \(folder)/out")
        #expect(missing.code == 1 && missing.output.contains("no model is named"))
    }

    @Test func aDryRunPrintsWhatWouldBeKept() throws {
        let temporary = try TemporaryFolder()
        defer { withExtendedLifetime(temporary) {} }
        let folder = temporary.path
        let list = try writePictures(folder, 4)
        let run = shell("\(Self.tool) --candidates \(list) --dry-run --model \(Self.model) --threshold none")
        #expect(run.code == 0)
        #expect(run.output.contains("4 of 4 candidates kept, for 4 of 4 prompts"))
        #expect(run.output.contains("the model is untrained"))
    }
}
