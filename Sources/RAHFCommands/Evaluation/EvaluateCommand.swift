import ArgumentParser
import Glibc
import RewardData
import RewardMetrics
import RewardModel

/// `rahf evaluate`: the paper's tables for a model and a data set.
struct EvaluateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate", abstract: "Measure a model against human feedback: the paper's tables.",
        discussion: """
            DATA is a TFRecord file of RichHF-18K's form or a folder of such files. Beside it may lie images (or a folder \
            'images'), 'truth.jsonl' (what was planted where) and 'annotations.jsonl' (each annotator's feedback); they are \
            used when there.
            """)

    enum Format: String, ExpressibleByArgument, CaseIterable {
        case table, json
    }

    @OptionGroup var modelOptions: ModelOptions
    @Option(parsing: .upToNextOption, help: "TFRecord files, or folders of them.")
    var data: [String]
    @Option(parsing: .upToNextOption, help: "Folders of images. The default is beside the data.")
    var images: [String] = []
    @Option(help: "JSON lines with \"uid\" or \"filename\", and \"prompt\", for records without a prompt.")
    var prompts: String?
    @Option(help: "Per-annotator JSON lines, for what one annotator reaches.")
    var annotations: String?
    @Option(help: "table: for people; json: one object.")
    var format = Format.table
    @Option(help: "HTML page to write, with plots and examples.")
    var report: String?
    @Option(help: "Take only the first records.")
    var limit: Int?
    @Option(help: "Bootstrap samples for the intervals; 0 for none.")
    var bootstrap = 1000
    @Option(help: "Pixels of the ground truth above this count as fixated.")
    var fixationsAbove: Float = 0
    @Flag(help: "Leave bad records out and count them by reason; without it the first one ends the command.")
    var skipBad = false

    func validate() throws {
        guard !data.isEmpty else { throw ValidationError("--data names nothing") }
        if let limit, limit < 1 { throw ValidationError("--limit is \(limit); it must be at least 1") }
        guard (0...100_000).contains(bootstrap) else {
            throw ValidationError("--bootstrap is \(bootstrap); it must be 0 to 100000")
        }
        guard (0..<1).contains(fixationsAbove) else {
            throw ValidationError("--fixations-above is \(fixationsAbove); it must be at least 0 and below 1")
        }
    }

    func run() throws {
        // The model is loaded last; that none was named is said first.
        _ = try modelOptions.path()
        let places = try data.map(DataPlace.init)
        var truth = TruthFile()
        for place in places {
            if let path = place.beside("truth.jsonl") { truth.merge(try TruthFile(path: path)) }
        }
        let folders = images.isEmpty ? Set(places.map(\.imageFolder)).sorted() : images
        var progress: ProgressBar?
        var runner = EvaluationRunner(
            predictor: try modelOptions.load(), files: places.flatMap(\.files),
            readOptions: FeedbackReadOptions(prompts: try prompts.map { try PromptTable(path: $0) }),
            images: try ImageIndex(folders: folders), truth: truth,
            annotations: annotations.map { [$0] } ?? Set(places.compactMap { $0.beside("annotations.jsonl") }).sorted(),
            fixationThreshold: fixationsAbove, limit: limit, skipBad: skipBad,
            bootstrap: Bootstrap(samples: bootstrap), keepsExamples: report != nil
        ) { done, total in
            if progress == nil { progress = ProgressBar(total: total) }
            progress?.show(done: done)
        }
        defer { progress?.hide() }
        let result = try runner.run()
        guard !result.evaluation.samples.isEmpty else {
            let why = result.skipped.total == 0 ? "the data has none" : "skipped: \(result.skipped.summary)"
            throw Failure(.invalidRequest, "no record could be evaluated; \(why)")
        }
        let view = EvaluationReport(result)
        progress?.hide()
        if let report { try WholeFile.write(Array(view.page.utf8), to: report) }
        print(format == .json ? view.json.text : view.text)
    }
}

/// A data set named on the command line, and what lies beside it.
struct DataPlace {
    /// The TFRecord files.
    var files: [String]
    var folder: String

    /// - Throws: when the path does not exist, or is a folder without a TFRecord file.
    init(_ path: String) throws {
        guard Folders.isFolder(path) else {
            files = [path]
            folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
            return
        }
        folder = path
        files = try Folders.names(path).filter { $0.hasSuffix(".tfrecord") }.map { "\(path)/\($0)" }
        guard !files.isEmpty else { throw Failure(.fileError, "\(path): there is no .tfrecord file in this folder") }
    }

    var imageFolder: String {
        Folders.isFolder("\(folder)/images") ? "\(folder)/images" : folder
    }

    /// A file of the folder, if it is there.
    func beside(_ name: String) -> String? {
        access("\(folder)/\(name)", R_OK) == 0 ? "\(folder)/\(name)" : nil
    }
}
