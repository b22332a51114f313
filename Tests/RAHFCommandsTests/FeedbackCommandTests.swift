import FoundationEssentials
import Glibc
import RewardData
import RewardImage
import RewardTestSupport
import Testing

/// `rahf consolidate` and `rahf evaluate` on a set made here: pictures, annotators and planted truth.
@Suite struct FeedbackCommandTests {
    private let temporary: TemporaryFolder
    private var folder: String { temporary.path }
    private let model = Fixtures.path("RewardModelTests", "golden-multi-port")

    /// Eight pictures, each clean and damaged, with three annotators; the third skips every third picture.
    init() throws {
        temporary = try TemporaryFolder()
        mkdir("\(folder)/images", 0o755)
        var annotated: [UInt8] = []
        var truth = ""
        for picture in 0..<8 {
            for damaged in [false, true] {
                let name = "p\(picture)\(damaged ? "b" : "a")"
                let (width, height) = (24 + picture, 20)
                let pixels = (0..<width * height * 3).map { UInt8(($0 * 7 + picture * 31 + (damaged ? 90 : 0)) % 256) }
                write(PNGEncoder.encode(Image(width: width, height: height, rgb: pixels)), "images/\(name).png")
                let point = Point(x: Double(4 + picture), y: 10)
                let opinions = (0..<3).map { annotator in
                    annotator == 2 && picture % 3 == 0
                        ? .skip
                        : Annotation(
                            implausible: damaged ? [point] : [], misaligned: damaged && picture == 1 ? [point] : [],
                            words: damaged && picture == 1 ? [1] : [], plausibility: damaged ? 1 + annotator : 5,
                            alignment: 1 + picture % 5, aesthetics: 1 + (picture + annotator) % 5,
                            overall: damaged ? 2 : 4)
                }
                let image = AnnotatedImage(
                    filename: "set/\(name).png", prompt: "a red <b>cat</b>, on \(picture) mats", width: width,
                    height: height,
                    group: "p\(picture)", annotations: opinions)
                annotated += try JSONEncoder().encode(image) + [0x0a]
                truth += """
                    {"filename":"\(name).png","source":"photograph:\(picture % 4)",\
                    "damage":[\(damaged ? picture % 2 == 0 ? #"{"kind":"swirl"}"# : #"{"kind":"seam"}"# : "")],\
                    "contradicted":[\(damaged && picture == 1 ? #"{"word":"red","category":"colour"}"# : "")]}

                    """
            }
        }
        write(annotated, "annotations.jsonl")
        write(Array(truth.utf8), "truth.jsonl")
    }

    private func write(_ bytes: some Sequence<UInt8>, _ name: String) {
        let bytes = Array(bytes)
        guard let file = fopen("\(folder)/\(name)", "wb") else { return }
        fwrite(bytes, 1, bytes.count, file)
        fclose(file)
    }

    private func text(_ name: String) -> String {
        guard let file = fopen("\(folder)/\(name)", "rb") else { return "" }
        defer { fclose(file) }
        return read(file)
    }

    private func read(_ file: UnsafeMutablePointer<FILE>) -> String {
        var output: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while case let count = fread(&chunk, 1, chunk.count, file), count > 0 { output += chunk[..<count] }
        return String(decoding: output, as: UTF8.self)
    }

    /// Runs `rahf` through the shell: what it printed on both streams, and its exit code.
    private func rahf(_ arguments: String) -> (output: String, code: Int32) {
        guard let pipe = popen("cd \(folder) && \(Fixtures.repository)/.build/release/rahf \(arguments) 2>&1", "r")
        else {
            return ("", -1)
        }
        let output = read(pipe)
        return (output, pclose(pipe) >> 8)
    }

    private struct Result: Decodable {
        struct Estimate: Decodable, Equatable {
            var value: Double?
            var low: Double?
            var high: Double?
            var n: Int?
        }
        typealias Table = [String: [String: Estimate]]
        var records: Int
        var skipped: [String: Int]
        var notes: [String: Int]
        var scores: Table
        var heatmaps: Table
        var words: Table
        var pairs: Table?
        var kinds: Table?
        var photographs: Table?
        var wordCategories: Table?
        var ceiling: [String: Table]?
    }

    private func evaluate(_ arguments: String) throws -> Result {
        let run = rahf("evaluate --model \(model) --format json \(arguments)")
        try #require(run.code == 0, "\(run.output)")
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(Result.self, from: Data(run.output.utf8))
    }

    @Test func annotationsBecomeTablesAndAPage() throws {
        let made = rahf("consolidate annotations.jsonl --out feedback.tfrecord --report report")
        #expect(made.code == 0 && made.output == "feedback.tfrecord: 16 records\n")
        #expect(text("report/statistics.json").contains("\"images\":16,\"images_compared\":16,\"annotations\":42"))
        #expect(text("report/statistics.html").contains("<svg"))

        let result = try evaluate("--data . --report page.html --bootstrap 50")
        #expect(result.records == 16 && result.skipped.isEmpty && result.notes["untrained_model"] == 16)
        #expect(result.scores.keys.sorted() == ["aesthetics", "alignment", "overall", "plausibility"])
        #expect(result.heatmaps["implausibility"]?["mse"]?.n == 16)
        #expect(result.heatmaps["implausibility"]?["mse_empty"]?.n == 8)
        #expect(result.heatmaps["misalignment"]?["cc"]?.n == 1)
        #expect(result.pairs?["plausibility"]?["accuracy"]?.n == 8)
        #expect(result.kinds?["swirl"]?["pair_accuracy"]?.n == 4 && result.kinds?["seam"]?["pair_accuracy"]?.n == 4)
        #expect(result.photographs?.count == 4 && result.photographs?["3"]?["pair_accuracy"]?.n == 2)
        #expect(result.kinds?["clean"]?["mse_clean"]?.n == 8)
        #expect(result.wordCategories?["colour"]?["recall"]?.value != nil)
        // Annotators agree on every map but, where damage lies, not on plausibility.
        #expect(result.ceiling?["heatmaps"]?["implausibility"]?["auc_judd"]?.value == 1)
        #expect(result.ceiling?["words"]?["pooled"]?["f1"]?.value == 1)
        let plausibility = try #require(result.ceiling?["scores"]?["plausibility"]?["plcc"])
        #expect(plausibility.n == 42 && (0.5..<1).contains(plausibility.value ?? 0))
        for table in [result.scores, result.heatmaps] {
            for estimate in table.values.flatMap(\.values) {
                guard let value = estimate.value, let low = estimate.low, let high = estimate.high else { continue }
                #expect(low <= high && low.isFinite && high.isFinite && value.isFinite)
            }
        }
        // Pictures may spell anything.
        let page = text("page.html").replacing(/base64,[A-Za-z0-9+\/=]*/, with: "base64,")
        #expect(page.contains("data:image/png;base64,") && page.contains("<svg"))
        #expect(page.contains("&lt;b&gt;cat&lt;/b&gt;") && !page.contains("<b>cat"))
        #expect(!page.contains("src=\"http") && !page.contains("NaN") && !page.contains("nan"))
    }

    @Test func theSameRunGivesTheSameNumbersAtAnyThreadCount() throws {
        #expect(rahf("consolidate annotations.jsonl --out feedback.tfrecord").code == 0)
        let runs = [1, 2].map {
            rahf("evaluate --model \(model) --format json --data . --bootstrap 20 --threads \($0)")
        }
        #expect(runs[0].code == 0 && runs[0].output == runs[1].output)
    }

    @Test func aLimitTakesTheFirstRecords() throws {
        #expect(rahf("consolidate annotations.jsonl --out feedback.tfrecord").code == 0)
        let result = try evaluate("--data feedback.tfrecord --limit 5 --bootstrap 0")
        #expect(result.records == 5 && result.scores["overall"]?["mse"]?.low == nil)
    }

    @Test func whatIsMissingIsNamedOrCounted() throws {
        #expect(rahf("consolidate annotations.jsonl --out feedback.tfrecord").code == 0)
        unlink("\(folder)/images/p3a.png")
        write(Array("not a picture".utf8), "images/p4b.png")
        let run = rahf("evaluate --model \(model) --data .")
        #expect(run.code == 1 && run.output.contains("no image named 'p3a'"), "\(run.output)")
        let result = try evaluate("--data . --skip-bad --bootstrap 0")
        #expect(result.records == 14 && result.skipped == ["missing_image": 1, "invalid_image": 1])
    }

    /// Records as RichHF-18K has them: no prompts.
    @Test func recordsWithoutPromptsTakeThemFromAFile() throws {
        let records = Fixtures.path("RewardDataTests", "richhf.tfrecord")
        for index in 0..<4 {
            write(
                PNGEncoder.encode(Image(width: 8, height: 8, rgb: [UInt8](repeating: UInt8(40 * index), count: 192))),
                "images/0a\(index)f-uid.png")
        }
        let run = rahf("evaluate --model \(model) --data \(records) --images images")
        #expect(run.code == 1 && run.output.contains("no prompt is known for '0a0f-uid'"), "\(run.output)")
        let prompts = Fixtures.path("RewardDataTests", "prompts.jsonl")
        let result = try evaluate("--data \(records) --images images --prompts \(prompts) --bootstrap 0")
        #expect(result.records == 4 && result.words["pooled"]?["f1"]?.value != nil && result.pairs == nil)
        // The third record's maps are empty.
        #expect(result.heatmaps["misalignment"]?["cc"]?.n == 3)
    }

    @Test(arguments: [
        "evaluate --model MODEL", "evaluate --model MODEL --data . --limit 0",
        "evaluate --model MODEL --data . --bootstrap -1", "evaluate --model MODEL --data . --fixations-above 1",
        "consolidate annotations.jsonl",
    ])
    func wrongUsageExitsWith64(arguments: String) {
        #expect(rahf(arguments.replacing("MODEL", with: model)).code == 64)
    }

    @Test func aFolderWithoutRecordsFails() {
        let run = rahf("evaluate --model \(model) --data images")
        #expect(run.code == 1 && run.output.contains("no .tfrecord file"))
    }
}
