import FoundationEssentials
import Glibc
import RewardModel
import RewardTestSupport
import Testing

/// The built command, run as a stranger's script would run it.
@Suite struct CommandTests {
    private static let model = RAHFProcess.model
    private static let picture = RAHFProcess.picture

    private func rahf(
        _ arguments: String, environment: String = "", errors: String = "2>/dev/null"
    ) -> (output: String, code: Int32) {
        RAHFProcess.run(arguments, environment: environment, errors: errors)
    }

    struct Line: Decodable {
        struct Problem: Decodable {
            var code: String
        }
        var status: String
        var scores: [String: Double]?
        var error: Problem?
    }

    private func lines(_ output: String) throws -> [Line] {
        try output.split(separator: "\n").map { try JSONDecoder().decode(Line.self, from: Data($0.utf8)) }
    }

    @Test func scoreWritesOneObjectPerImage() throws {
        let run = rahf("score --model \(Self.model) --prompt 'a red cat' --format json \(Self.picture) \(Self.picture)")
        let lines = try lines(run.output)
        #expect(run.code == 0 && lines.count == 2)
        #expect(lines[0].status == "ok" && lines[0].scores?.count == ScoreKind.allCases.count)
        #expect(lines[0].scores == lines[1].scores)
    }

    @Test func aFailedImageHasACodeAndNoScoresAndItsNeighbourStillHasThem() throws {
        let run = rahf(
            "score --model \(Self.model) --prompt 'a red cat' --format json /nonexistent.png \(Self.picture) /dev/null")
        let lines = try lines(run.output)
        #expect(run.code == 1)
        #expect(lines.map(\.status) == ["error", "ok", "error"])
        #expect(lines[0].error?.code == "file_error" && lines[0].scores == nil)
        #expect(lines[2].error?.code == "invalid_image")
    }

    @Test(arguments: [
        "score --model \(model) \(picture)", "score --model \(model) --prompt x",
        "score --model \(model) --threads 1000000 --prompt x \(picture)",
        "score --prompt x --outputs smell \(picture)",
        "gradient --model \(model) --prompt x --of beauty=1 --out /tmp/never.npy \(picture)",
        "synthesize --out /tmp/never --count 0", "synthesize --out /tmp/never --count 3 --kinds smell",
        "synthesize --out /tmp/never --count 3 --scenes 0.5", "synthesize --out /tmp/never --count 3 --size 8",
        "synthesize --out /tmp/never --count 3 --contradicted 2",
        "gradient --model \(model) --prompt x --of overall=nan --out /tmp/never.npy \(picture)",
        "gradient --model \(model) --prompt x --of overall.mass=1 --out /tmp/never.npy \(picture)",
        "gradient --model \(model) --prompt x --of implausibility.sum=1 --out /tmp/never.npy \(picture)",
        "gradient --model \(model) --prompt x --of overall=1,overall=2 --out /tmp/never.npy \(picture)",
        "gradient --model \(model) --prompt x --of overall=1 --mask \(picture) --out /tmp/never.npy \(picture)",
        "score --model \(model) --prompt x --outputs heatmaps \(picture)",
        "info --model \(model) --format xml",
    ])
    func wrongUsageExitsWith64(arguments: String) {
        #expect(rahf(arguments).code == 64)
    }

    @Test(arguments: ["sse9", "AVX2", "portable,avx2"]) func anInstructionSetThatCannotBeHadIsAnError(name: String) {
        let run = rahf("info --model \(Self.model)", environment: "RAHF_ISA=\(name)", errors: "2>&1")
        #expect(run.code == 64 && run.output.contains("'\(name)'") && run.output.contains("portable"))
    }

    @Test func namingAnInstructionSetOrNoneIsFine() {
        for name in ["portable", ""] {
            #expect(rahf("info --model \(Self.model)", environment: "RAHF_ISA=\(name)").code == 0)
        }
    }

    @Test func everyInstructionSetGivesTheSameScores() throws {
        let command = "score --model \(Self.model) --prompt 'a red cat' --outputs scores --format json \(Self.picture)"
        let usual = try #require(try lines(rahf(command).output).first?.scores)
        var ran: [String] = []
        for name in ["avx512", "avx2", "portable"] {
            let run = rahf(command, environment: "RAHF_ISA=\(name)")
            if run.code == 64 { continue }
            ran.append(name)
            let scores = try #require(try lines(run.output).first?.scores)
            for (kind, score) in usual { #expect(abs((scores[kind] ?? .nan) - score) < 1e-5, "\(name) \(kind)") }
        }
        #expect(ran.contains("portable"))
    }

    /// A picture that would unpack to 3.6 GB is refused by its header, before memory is taken: the shell allows 1 GB.
    @Test func aPictureThatUnpacksToGigabytesIsRefusedInLittleMemory() throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "rahf-bomb-\(getpid()).png").path()
        // IHDR of 20,000 × 30,000 pixels of 16 bits, and the beginning of their data.
        let header: [UInt8] = [
            0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13, 0x49, 0x48, 0x44, 0x52, 0, 0, 0x4e, 0x20, 0, 0,
            0x75, 0x30, 16, 2, 0, 0, 0, 0x95, 0x30, 0xfe, 0x1e, 0, 0, 0, 8, 0x49, 0x44, 0x41, 0x54, 0x78, 0x9c, 3, 0, 0,
            0, 0, 1, 0x48, 6, 0x89, 0xd2,
        ]
        try Data(header).write(to: URL(filePath: path))
        defer { unlink(path) }
        let run = rahf(
            "score --model \(Self.model) --threads 2 --prompt 'a red cat' --format json \(path) \(Self.picture)",
            environment: "ulimit -v 1000000;")
        let lines = try lines(run.output)
        #expect(run.code == 1 && lines.map(\.status) == ["error", "ok"])
        #expect(lines[0].error?.code == "too_large" && run.output.contains("the limits are"))
    }

    @Test func importMakesAModelThatScores() throws {
        let out = "/tmp/rahf-import-\(getpid())"
        defer { try? FileManager.default.removeItem(atPath: out) }
        let fixtures = Fixtures.path("RewardModelTests", "import")
        let made = rahf(
            "import --from huggingface --vit \(fixtures)/vit --t5 \(fixtures)/t5 --out \(out) --preset tiny --seed 3")
        #expect(made.code == 0 && made.output.contains("seeded and untrained"))
        let lines = try lines(
            rahf("score --model \(out) --prompt 'a red cat' --format json \(Self.picture)").output)
        #expect(lines.first?.status == "ok")
        // A second import must not touch the first one's folder.
        #expect(
            rahf("import --from richhf \(fixtures)/port.pt --tokenizer \(Self.model)/spiece.model --out \(out)").code
                == 1)
        #expect(rahf("info --verify --model \(out)").code == 0)
    }

    @Test func graftTakesTheNamedWeightsAndOnlyThose() throws {
        let out = "/tmp/rahf-graft-\(getpid())"
        defer { for end in ["a", "b", "c", "d"] { try? FileManager.default.removeItem(atPath: "\(out)-\(end)") } }
        let vocabulary = "\(Self.model)/spiece.model"
        for (end, seed) in [("a", 1), ("b", 2)] {
            #expect(rahf("create --preset mini --tokenizer \(vocabulary) --seed \(seed) --out \(out)-\(end)").code == 0)
        }
        let made = rahf("graft --model \(out)-a --from \(out)-b --weights detail. '*.plausibility.*' --out \(out)-c")
        #expect(made.code == 0)
        let folders = try ["a", "b", "c"].map { try ModelFolder(path: "\(out)-\($0)").weights }
        for name in folders[0].tensors.keys {
            let source = name.hasPrefix("detail.") || name.contains(".plausibility.") ? folders[1] : folders[0]
            #expect(folders[2].floats(of: name) == source.floats(of: name), "\(name)")
        }
        #expect(rahf("graft --model \(out)-a --from \(out)-b --weights nothing. --out \(out)-d").code == 64)
        #expect(rahf("create --preset tiny --tokenizer \(vocabulary) --out \(out)-d").code == 0)
        #expect(rahf("graft --model \(out)-a --from \(out)-d --weights detail. --out \(out)-c").code == 64)
    }

    @Test(arguments: [
        "--from huggingface --vit x --out y", "--from richhf --out y", "--from richhf f --out y",
        "--from richhf f --tokenizer t --vit x --out y", "--from huggingface --vit x --t5 y --out z --text-heads 3",
        "--from huggingface --vit x --t5 y --out z --variant both", "--from elsewhere --out y",
    ])
    func importOptionsThatDoNotGoTogetherAreWrongUsage(arguments: String) {
        #expect(rahf("import \(arguments)").code == 64)
    }

    @Test func aMissingModelFails() {
        #expect(rahf("info --model /nonexistent").code == 1)
    }
}
