import FoundationEssentials
import Glibc
import RewardImage
import RewardTestSupport
import Testing

/// Inpainters run by `make-inpaint-masks`, and `rahf rerank`, as built.
@Suite struct RepairTests {
    struct Line: Decodable {
        struct Entry: Decodable {
            var image: String
            var seed: Int?
            var status: String
            var reason: String?
            var objections: [String]?
        }
        var verdict: String
        var chosen: String?
        var copy: String?
        var sheet: String?
        var candidates: [Entry]?
    }

    private static func lines(_ text: [UInt8]) throws -> [Line] {
        try text.split(separator: 0x0a).map { try JSONDecoder().decode(Line.self, from: Data($0)) }
    }

    private static func repair(
        _ folder: TemporaryFolder, _ script: String, _ prompt: String, _ arguments: [String] = []
    ) -> (output: String, code: Int32) {
        // $0 image, $1 mask, $2 prompt, $3 seed, $4 out
        run(
            "make-inpaint-masks",
            [
                "--heatmaps", "\(folder.path)/heat", "--out", "\(folder.path)/out", "--model",
                MakeInpaintMasksTests.model, "--prompt", prompt, "--inpaint-command",
                "sh -c '\(script)' {image} {mask} {prompt} {seed} {out}", "\(folder.path)/in/two.png",
            ] + arguments)
    }

    @Test func candidatesAreMadePerSeedAndOneFailureLosesNothing() throws {
        let folder = try MakeInpaintMasksTests.pictures()
        let script = #"echo seed $3; if [ $3 = 8 ]; then echo boom >&2; exit 3; fi; [ $3 = 9 ] || cp "$0" "$4""#
        let result = Self.repair(folder, script, "a red cat", ["--seed", "7", "--candidates", "4"])
        #expect(result.code == 0, "\(result.output)")
        let line = try #require(try Self.lines(try folder.read("out/ranking.jsonl")).first)
        // Copies of the original are no better than it.
        #expect(line.verdict == "original_kept" && line.chosen?.hasSuffix("in/two.png") == true)
        let entries = try #require(line.candidates)
        #expect(entries.map(\.seed) == [7, 10, 8, 9])
        #expect(entries.map(\.status) == ["rejected", "rejected", "failed", "failed"])
        #expect(entries[0].objections == ["plausibility_not_higher", "masked_implausibility_not_lower"])
        #expect(entries[2].reason?.contains("exited with 3") == true)
        #expect(entries[3].reason?.contains("No such file") == true)
        #expect(String(decoding: try folder.read("out/candidates/two.8.log"), as: UTF8.self) == "seed 8\nboom\n")
        #expect(try folder.read("out/results/two.png") == folder.read("in/two.png"))
        #expect(folder.exists("out/sheets/two.png") && !folder.exists("out/ranking.jsonl.partial"))
        // Last time's pictures are not taken for this time's.
        let again = Self.repair(folder, "exit 1", "a red cat", ["--seed", "7"])
        #expect(again.code == 0)
        let failed = try #require(try Self.lines(try folder.read("out/ranking.jsonl")).first?.candidates)
        #expect(failed.allSatisfy { $0.status == "failed" } && failed.count == 4)
    }

    @Test func aPromptIsNeverRunByAShell() throws {
        let folder = try MakeInpaintMasksTests.pictures()
        let prompt =
            "a cat'; touch \(folder.path)/hacked; $(touch \(folder.path)/hacked) `touch \(folder.path)/hacked` {out}"
        let script = #"printf %s "$2" > "$4.prompt"; cp "$0" "$4""#
        #expect(Self.repair(folder, script, prompt, ["--candidates", "1"]).code == 0)
        #expect(!folder.exists("hacked"))
        #expect(try folder.read("out/candidates/two.0.png.prompt") == Array(prompt.utf8))
    }

    @Test func aHangingInpainterIsEndedWithWhatItStarted() throws {
        let folder = try MakeInpaintMasksTests.pictures()
        let started = ContinuousClock.now
        let script = #"sleep 50 & echo $! > "$4.pid"; wait"#
        let result = Self.repair(folder, script, "a cat", ["--candidates", "1", "--inpaint-timeout", "1"])
        #expect(ContinuousClock.now - started < .seconds(30))
        #expect(result.code == 0 && result.output.contains("longer than 1.0 seconds"))
        let text = String(decoding: try folder.read("out/candidates/two.0.png.pid"), as: UTF8.self)
        let child = try #require(Int32(text.filter(\.isNumber)))
        /// Gone, or ended and not yet collected by the system.
        func hasEnded() -> Bool {
            guard let status = try? Data(contentsOf: URL(filePath: "/proc/\(child)/stat")) else { return true }
            return String(decoding: status, as: UTF8.self).contains(") Z")
        }
        for _ in 0..<50 where !hasEnded() { usleep(20_000) }
        #expect(hasEnded())
    }

    @Test func anInpainterThatDoesNotExistIsReported() throws {
        let folder = try MakeInpaintMasksTests.pictures()
        let result = run(
            "make-inpaint-masks",
            [
                "--heatmaps", "\(folder.path)/heat", "--out", "\(folder.path)/out", "--model",
                MakeInpaintMasksTests.model, "--prompt", "x", "--inpaint-command",
                "/nonexistent/inpaint {image} {mask} {out} {seed}", "\(folder.path)/in/two.png",
            ])
        #expect(result.code == 0 && result.output.contains("could not be run"))
    }

    @Test func rerankJudgesPicturesMadeElsewhere() throws {
        let folder = try MakeInpaintMasksTests.pictures()
        #expect(
            run(
                "make-inpaint-masks",
                ["--images", "\(folder.path)/in", "--heatmaps", "\(folder.path)/heat", "--out", "\(folder.path)/masks"]
            ).code == 0)
        // Every pixel changed: never the winner, whatever an untrained model says.
        let white = Image(width: 64, height: 64, rgb: [UInt8](repeating: 255, count: 64 * 64 * 3))
        try folder.write(PNGEncoder.encode(white), "white.png")
        let arguments = [
            "rerank", "--model", MakeInpaintMasksTests.model, "--original", "\(folder.path)/in/two.png", "--mask",
            "\(folder.path)/masks/two.png", "--prompt", "a red cat", "--out", "\(folder.path)/out",
            "\(folder.path)/white.png", "\(folder.path)/in/one.png", "\(folder.path)/nowhere.png",
        ]
        for _ in 0..<2 {
            let result = run("rahf", arguments)
            #expect(result.code == 0, "\(result.output)")
            let line = try #require(try Self.lines(Array(result.output.utf8)).first)
            #expect(line.verdict == "original_kept")
            #expect(line.candidates?.map(\.status) == ["rejected", "failed", "failed"])
            #expect(line.candidates?[0].objections?.contains("outside_changed") == true)
            #expect(try folder.read("out/ranking.jsonl") == Array(result.output.utf8))
            #expect(try folder.read("out/results/two.png") == folder.read("in/two.png"))
            #expect(folder.exists("out/sheets/two.png"))
        }
        let list = """
            {"original":"\(folder.path)/in/two.png","mask":"\(folder.path)/masks/two.png","prompt":"x","candidates":["\(folder.path)/white.png"]}
            {"original":"\(folder.path)/in/one.png","mask":"\(folder.path)/masks/two.png","prompt":"x","candidates":["\(folder.path)/white.png"]}
            """
        try folder.write(Array(list.utf8), "list.jsonl")
        let listed = run(
            "rahf", ["rerank", "--model", MakeInpaintMasksTests.model, "--list", "\(folder.path)/list.jsonl"],
            errors: false)
        #expect(listed.code == 1)
        let verdicts = try Self.lines(Array(listed.output.utf8)).map(\.verdict)
        #expect(verdicts == ["original_kept", "error"])
    }

    @Test func aServerGivesTheSameMasksAndRankingsByteForByte() throws {
        let folder = try MakeInpaintMasksTests.pictures()
        let endpoint = "ipc://\(folder.path)/socket"
        let binary = "\(Fixtures.repository)/.build/release/rahf"
        let words = [
            binary, "serve", "--model", MakeInpaintMasksTests.model, "--bind", endpoint, "--log-level", "error",
        ]
        var arguments = words.map { strdup($0) } + [nil]
        defer { for pointer in arguments { free(pointer) } }
        var process = pid_t()
        try #require(posix_spawn(&process, binary, nil, nil, &arguments, environ) == 0)
        defer {
            kill(process, SIGTERM)
            waitpid(process, nil, 0)
        }
        let white = Image(width: 64, height: 64, rgb: [UInt8](repeating: 255, count: 64 * 64 * 3))
        try folder.write(PNGEncoder.encode(white), "white.png")
        var outputs: [String] = []
        for (name, scorer) in [
            ("local", ["--model", MakeInpaintMasksTests.model]), ("remote", ["--server", endpoint]),
        ] {
            let masks = run(
                "make-inpaint-masks",
                [
                    "--images", "\(folder.path)/in", "--out", "\(folder.path)/\(name)", "--prompt", "a cat",
                    "--threshold",
                ]
                    + ["p90", "--min-area", "4"] + scorer)
            #expect(masks.code == 0, "\(masks.output)")
            let ranking = run(
                "rahf",
                ["rerank", "--original", "\(folder.path)/in/two.png", "--mask", "\(folder.path)/local/two.png"]
                    + ["--prompt", "a cat", "\(folder.path)/white.png"] + scorer)
            #expect(ranking.code == 0)
            outputs.append(ranking.output)
        }
        #expect(outputs[0] == outputs[1] && outputs[0].contains("original_kept"))
        for file in ["two.png", "one.png", "regions.json"] {
            #expect(try folder.read("local/\(file)") == folder.read("remote/\(file)"))
        }
    }

    @Test(arguments: [
        ["rerank"], ["rerank", "--original", "a", "--mask", "b", "--prompt", "c"],
        ["rerank", "--list", "/dev/null"], ["rerank", "--list", "/dev/null", "a.png"],
        ["rerank", "--original", "a", "--mask", "b", "--prompt", "c", "--alignment-tolerance", "2", "d"],
    ])
    func wrongUsageOfRerankExitsWith64(arguments: [String]) {
        #expect(run("rahf", arguments).code == 64)
    }
}
