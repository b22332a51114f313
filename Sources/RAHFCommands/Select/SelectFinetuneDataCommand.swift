import ArgumentParser
import Glibc
import RewardCuration
import RewardModel
import RewardSelection

/// `select-finetune-data`: best of N above thresholds, as a data set a trainer loads unchanged.
struct SelectFinetuneDataCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "select-finetune-data",
        abstract: "Keep the best of each prompt's generated images, above thresholds, as a fine-tuning data set.",
        discussion: """
            Without options this is the RAHF paper's rule: of a prompt's candidates the one of highest plausibility is \
            kept if its score is above 0.8. Candidates of one prompt compete; "group" in a list changes that. Ties go \
            to the image whose path sorts first.

            A list has a JSON object a line: {"prompt": …, "image": …, "group": …, "scores": {"plausibility": …}}; \
            group and scores are optional, paths are relative to the list's folder. A folder has a folder for each \
            prompt, whose text is in its prompt.txt or else is its name. Shards have an image and txt or json a sample.

            The output appears whole or not at all. Scores are kept in the store: run again after a crash, and nothing \
            in it is scored a second time. Run again when the output is there, it says whether it would be the same.
            """)

    @Option(parsing: .upToNextOption, help: "JSON lines, a folder with a folder per prompt, or .tar shards.")
    var candidates: [String]
    @Option(help: "Folder to make; it must not exist, be empty, or be this very selection.")
    var out: String?
    @OptionGroup var scorerOptions: ScorerOptions
    @OptionGroup var rule: RuleOptions
    @Option(help: "Comma-separated: imagefolder, webdataset, dpo, list.")
    var format = "imagefolder"
    @Option(help: "How images get into the imagefolder: copy, hard or symbolic (a link).")
    var link = ImageLink.copy
    @Option(help: "What an image that comes with scores must do before it is kept: decode, exists or none.")
    var check = ImageCheck.decode
    @Option(help: "Write as many candidates of each prompt, drawn with this seed, to OUT/random-control.")
    var randomControl: UInt64?
    @Option(help: "SQLite file with scores. The default is OUT.scores.sqlite, beside OUT.")
    var store: String?
    @Flag(help: "Say what would be kept, and write nothing but scores.")
    var dryRun = false
    @Flag(help: "Write OUT/report.html: candidates with scores and heatmaps.")
    var report = false
    @Option(help: "Most prompts in the report.")
    var reportPrompts = 12
    @Flag(help: "Write OUT/rejected.jsonl: every candidate that was not kept, and why.")
    var rejects = false

    func run() throws {
        let options = try options()
        let showProgress = isatty(2) != 0
        let job = SelectionJob(options) {
            isScorerNamed ? try scorerOptions.load() : nil
        } report: { line in
            if showProgress { writeError("\r\(line)", terminator: "") }
        }
        let (summary, newlyScored) = try job.run()
        if showProgress { writeError("") }
        print(dryRun ? "dry run: nothing was written" : "wrote \(out ?? "")")
        print(summary.text)
        if newlyScored > 0 {
            print("  scored   \(newlyScored) images now; others were in the store or came with scores")
        }
    }

    /// False when every score has to come with the list.
    private var isScorerNamed: Bool {
        scorerOptions.server != nil || scorerOptions.modelOptions.model != nil
            || environmentVariable("RAHF_MODEL") != nil
    }

    func options() throws -> SelectionOptions {
        guard out != nil || dryRun else { throw ValidationError("give --out DIR, or --dry-run") }
        guard (0...1000).contains(reportPrompts) else { throw ValidationError("--report-prompts is 0 to 1000") }
        var options = SelectionOptions(candidates: candidates, out: out)
        options.formats = try Self.formats(format)
        options.rule = try rule.rule(pairs: options.formats.contains(.dpo))
        options.rule.choosesRandomControl = randomControl != nil
        options.link = link
        options.check = check
        options.randomControl = randomControl
        options.store = store
        options.isDryRun = dryRun
        options.writesReport = report && !dryRun
        options.reportPrompts = reportPrompts
        options.writesRejects = rejects
        options.threads =
            try scorerOptions.modelOptions.checkedThreads() ?? min(Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))), 8)
        return options
    }

    static func formats(_ text: String) throws -> Set<OutputFormat> {
        var formats: Set<OutputFormat> = []
        for part in text.split(separator: ",") {
            guard let format = OutputFormat(rawValue: String(part)) else {
                throw ValidationError("--format knows imagefolder, webdataset, dpo and list, not '\(part)'")
            }
            formats.insert(format)
        }
        guard !formats.isEmpty else { throw ValidationError("--format names nothing") }
        return formats
    }
}

extension ImageLink: ExpressibleByArgument {}
extension ImageCheck: ExpressibleByArgument {}
