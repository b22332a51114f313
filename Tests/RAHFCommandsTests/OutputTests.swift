import FoundationEssentials
import Glibc
import RewardImage
import RewardModel
import RewardTestSupport
import TensorCPU
import Testing

/// What scripts rely on: the keys and their order, the files written, the terms of a gradient.
@Suite struct OutputTests {
    private let folder: TemporaryFolder
    private var model: String { RAHFProcess.model }
    private var picture: String { RAHFProcess.picture }

    init() throws {
        folder = try TemporaryFolder()
    }

    private func path(_ name: String) -> String { "\(folder.path)/\(name)" }

    /// Keys of the outermost object, in order.
    private func keys(_ line: some StringProtocol) -> [String] {
        var (depth, inString, escaped, current) = (0, false, false, "")
        var keys: [String] = []
        for character in line {
            if inString {
                if escaped {
                    escaped = false
                } else if character == "\\" {
                    escaped = true
                } else if character == "\"" {
                    inString = false
                } else {
                    current.append(character)
                }
                continue
            }
            switch character {
            case "\"": (inString, current) = (true, "")
            case "{", "[": depth += 1
            case "}", "]": depth -= 1
            case ":" where depth == 1: keys.append(current)
            default: break
            }
        }
        return keys
    }

    @Test func scoreWritesTheDocumentedKeysInOrder() throws {
        let run = RAHFProcess.run(
            """
            score --model \(model) --prompt 'a "red", cat' --heatmaps-to \(path("maps/")) --heatmap-format npy \
            --format json \(picture)
            """)
        #expect(run.code == 0)
        #expect(
            keys(run.output) == [
                "image", "prompt", "status", "scores", "words", "decoded_text", "heatmaps", "notes", "model",
            ])
        #expect(
            run.output.hasPrefix(#"{"image":"\#(picture)","prompt":"a \"red\", cat","status":"ok","scores":{"plaus"#))
        let maps = #""heatmaps":{"implausibility":"\#(path("maps/picture-0.implausibility.npy"))","#
        #expect(run.output.contains(maps))
        #expect(run.output.contains(#"{"word":"red","start":3,"end":6,"misaligned":"#))
        #expect(run.output.contains(#""model":{"name":""#) && run.output.contains(#""digest":"sha256:"#))
        #expect(try Data(contentsOf: URL(filePath: path("maps/picture-0.misalignment.npy"))).count > 128)
    }

    @Test func onlyTheOutputsAskedForAreThere() {
        let scores = RAHFProcess.run(
            "score --model \(model) --prompt x --outputs scores --format json \(picture)")
        #expect(keys(scores.output) == ["image", "prompt", "status", "scores", "notes", "model"])
        let words = RAHFProcess.run("score --model \(model) --prompt x --outputs words --format json \(picture)")
        #expect(keys(words.output) == ["image", "prompt", "status", "words", "decoded_text", "notes", "model"])
        let failed = RAHFProcess.run("score --model \(model) --prompt x --format json /dev/null")
        #expect(keys(failed.output) == ["image", "prompt", "status", "error", "model"])
    }

    @Test func aListScoresItsOwnPromptsAndTablesAreForPeople() throws {
        let lines = ["a red cat", "a dog"].map { #"{"image":"\#(picture)","prompt":"\#($0)"}"# }
        try Data(lines.joined(separator: "\n\n").utf8).write(to: URL(filePath: path("list.jsonl")))
        let run = RAHFProcess.run("score --model \(model) --list \(path("list.jsonl")) --heatmaps-to \(path("png"))")
        #expect(run.code == 0 && run.output.contains("plausibility  ") && run.output.contains("█"))
        // Two images of one name keep both their heatmaps.
        #expect(run.output.contains("/png/picture-0.implausibility.png"))
        #expect(run.output.contains("/png/picture-0-2.implausibility.png"))
    }

    @Test func aHeatmapThatCannotBeWrittenCostsItsImageOnly() throws {
        let lines = ["a red cat", "a dog", "a bus"].map { #"{"image":"\#(picture)","prompt":"\#($0)"}"# }
        try Data(lines.joined(separator: "\n").utf8).write(to: URL(filePath: path("list.jsonl")))
        // A folder has the name of the second image's heatmap.
        let inTheWay = path("maps/picture-0-2.misalignment.png")
        try FileManager.default.createDirectory(atPath: inTheWay, withIntermediateDirectories: true)
        let run = RAHFProcess.run(
            "score --model \(model) --list \(path("list.jsonl")) --heatmaps-to \(path("maps")) --format json")
        let answers = run.output.split(separator: "\n")
        #expect(run.code == 1 && answers.count == 3)
        #expect(answers[0].contains(#""status":"ok""#) && answers[2].contains(#""status":"ok""#))
        #expect(answers[1].contains(#""code":"file_error""#) && answers[1].contains(inTheWay))
        #expect(!FileManager.default.fileExists(atPath: inTheWay + ".partial"))
        // A file in the folder's place is said before anything is scored.
        let file = RAHFProcess.run("score --model \(model) --prompt x --heatmaps-to \(path("list.jsonl")) \(picture)")
        #expect(file.code == 1 && file.output.isEmpty)
    }

    @Test func infoIsOneObjectOnRequest() {
        let run = RAHFProcess.run("info --model \(model) --format json --verify")
        #expect(run.code == 0)
        #expect(
            keys(run.output) == [
                "name", "digest", "variant", "trained", "parameters", "precision", "kernels", "vit", "t5",
                "preprocessing", "outputs",
                "verified",
            ])
        #expect(run.output.contains(#""trained":false"#))
        #expect(RAHFProcess.run("info --model \(model)").output.hasPrefix("name            "))
    }

    /// The flag decides what products compute in, and what info and each result say of it.
    @Test(arguments: Precision.allCases) func thePrecisionFlagReachesTheModel(precision: Precision) throws {
        struct Line: Decodable {
            struct Maker: Decodable {
                var digest: String
            }
            var scores: [String: Float]
            var model: Maker
        }
        let folder = "\(Fixtures.repository)/Models/rahf-mini"
        let predictor = try Predictor.load(folder: folder, options: .init(precision: precision))
        let expected = try predictor.predict([
            PredictionItem(
                encodedImage: Array(try Data(contentsOf: URL(filePath: picture))), prompt: "a red cat",
                outputs: [.scores])
        ])[0].get()
        let common = "--model \(folder) --precision \(precision.rawValue) --format json"
        let info = RAHFProcess.run("info \(common)")
        #expect(info.output.contains("\"precision\":\"\(predictor.info.precision)\""))
        #expect(info.output.contains("\"digest\":\"\(predictor.info.digest)\""))
        let run = RAHFProcess.run("score \(common) --outputs scores --prompt 'a red cat' \(picture)")
        let line = try JSONDecoder().decode(Line.self, from: Data(run.output.utf8))
        let scores = try #require(expected.scores)
        #expect(line.scores == Dictionary(uniqueKeysWithValues: ScoreKind.allCases.map { ($0.rawValue, scores[$0]) }))
        #expect(line.model.digest == predictor.info.digest)
    }

    @Test(arguments: ["float16", "", "BFLOAT16"]) func anUnknownPrecisionIsWrongUsage(text: String) {
        let run = RAHFProcess.run(
            "score --model \(model) --precision '\(text)' --prompt x \(picture)", errors: "2>&1")
        #expect(run.code == 64)
        #expect(run.output.contains("float32, bfloat16, int8"))
    }

    private func gradient(_ arguments: String) throws -> (values: [Float], objective: Float) {
        let out = path("\(UUID()).npy")
        let run = RAHFProcess.run("gradient --model \(model) --prompt 'a red cat' --out \(out) \(arguments) \(picture)")
        #expect(run.code == 0, "\(arguments)")
        struct Line: Decodable {
            var objective: Float
        }
        let bytes = Array(try Data(contentsOf: URL(filePath: out)))
        let start = 10 + Int(bytes[8]) + Int(bytes[9]) << 8
        let values = bytes[start...].withUnsafeBytes { raw in
            (0..<raw.count / 4).map { raw.loadUnaligned(fromByteOffset: $0 * 4, as: Float.self) }
        }
        return (values, try JSONDecoder().decode(Line.self, from: Data(run.output.utf8)).objective)
    }

    @Test func massIsTheMeanTimesThePixelsAndAMaskChoosesThem() throws {
        let pixels = Float(try Predictor.load(folder: model).info.heatmapSize)
        let mean = try gradient("--of implausibility=1")
        #expect(try gradient("--of implausibility.mean=1").values == mean.values)
        let mass = try gradient("--of implausibility.mass=1")
        expectClose([mass.objective], [mean.objective * pixels * pixels], absolute: 0, relative: 1e-5)
        expectClose(mass.values, mean.values.map { $0 * pixels * pixels }, absolute: 1e-5, relative: 1e-3)

        // Left and right halves at the heatmap's own size add up to the whole.
        let side = Int(pixels)
        var halves: [(values: [Float], objective: Float)] = []
        for left in [true, false] {
            let weights: [Float] = (0..<side * side).map { ($0 % side < side / 2) == left ? 1 : 0 }
            let mask = PNGEncoder.encode(Heatmap(width: side, height: side, values: weights))
            try Data(mask).write(to: URL(filePath: path("mask.png")))
            halves.append(try gradient("--of implausibility.mass=1 --mask \(path("mask.png"))"))
        }
        expectClose([halves[0].objective + halves[1].objective], [mass.objective], absolute: 0, relative: 1e-5)
        expectClose(
            zip(halves[0].values, halves[1].values).map { $0 + $1 }, mass.values, absolute: 1e-4, relative: 1e-3)
        #expect(halves[0].objective > 0 && halves[1].objective > 0)
    }

    @Test func aMaskThatIsNoGreyPictureIsRefused() {
        for mask in ["\(model)/config.json", "/nonexistent", Fixtures.path("RewardImageTests", "rgb.png")] {
            let run = RAHFProcess.run(
                """
                gradient --model \(model) --prompt x --of implausibility=1 --mask \(mask) --out \(path("never.npy")) \
                \(picture)
                """, errors: "2>&1")
            #expect(run.code == 1 && run.output.contains(mask), "\(mask)")
        }
        #expect(!FileManager.default.fileExists(atPath: path("never.npy")))
    }

    @Test func aTerminalGetsAProgressBarAndAPipeDoesNot() {
        let images = [String](repeating: picture, count: 9).joined(separator: " ")
        let command = "score --model \(model) --prompt x --outputs scores --format json \(images)"
        #expect(!RAHFProcess.run(command, errors: "2>&1").output.contains("░"))
        // script(1) gives the command a terminal.
        let inTerminal = RAHFProcess.run("\(command)", wrapper: "script -qec", errors: "/dev/null")
        #expect(inTerminal.output.contains("░ 8/9"))
    }
}
