import ArgumentParser
import RewardModel
import RewardWire

/// `rahf replay`: scores recorded requests again.
struct ReplayCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay", abstract: "Score what 'rahf record' kept again, and compare every bit.",
        discussion: """
            After an upgrade: does anything answer differently? Of a run whose rewards look too good: what was asked, and \
            what was answered (--list)? Exits 0 when every answer is the recorded one, 1 when one differs, 2 when a \
            record cannot be read. A last record that a killed server left unfinished is reported and is no error. \
            Items that failed for want of time or room are counted and not compared.
            """)

    enum Format: String, ExpressibleByArgument, CaseIterable {
        case json, table
    }

    @OptionGroup var scorerOptions: ScorerOptions
    @Flag(help: "Score nothing: print one JSON object for each recorded item.")
    var list = false
    @Option(help: "Most differences to print; all are counted.")
    var differences = 20
    @Option(help: "json: one object; table: for people.")
    var format = Format.table
    @Argument(help: "The folder of 'rahf record'.")
    var folder: String

    func validate() throws {
        guard (0...1_000_000).contains(differences) else {
            throw ValidationError("--differences is \(differences), not in 0...1000000")
        }
    }

    func run() throws {
        let reader = try RecordReader(folder: folder)
        if list { return try printAll(reader) }
        let scorer = try scorerOptions.load()
        var comparison = ReplayComparison(scorer, mostDifferences: differences)
        let problems = reader.forEach { place, record in
            comparison.add(record, at: place)
            return true
        }
        comparison.flush()
        let report = ReplayReport(comparison: comparison, problems: problems, files: reader.files.count)
        print(format == .json ? report.json.text : report.table)
        if report.isBroken { throw ExitCode(2) }
        if comparison.different > 0 { throw ExitCode.failure }
    }

    /// The audit trail: what was asked and what was handed out.
    private func printAll(_ reader: RecordReader) throws {
        let problems = reader.forEach { place, record in
            for line in RecordLine.all(record, at: place) { print(line.text) }
            return true
        }
        for problem in problems { writeError("\(problem.file): \(problem.reason)") }
        if problems.contains(where: { !$0.isTruncatedEnd }) { throw ExitCode(2) }
    }
}
