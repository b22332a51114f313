import ArgumentParser
import RewardData
import RewardModel

/// `rahf consolidate`: per-annotator feedback made into feedback records.
struct ConsolidateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "consolidate", abstract: "Make one record per image of what several annotators said.",
        discussion: """
            Scores are averaged and put into [0, 1]; words go by majority; each point is a disk of radius height/20, and \
            maps are means over annotators. Images that every annotator skipped are left out and counted.
            """)

    @Argument(help: "JSON lines, one annotated image each.")
    var annotations: String
    @Option(help: "TFRecord file to write.")
    var out: String
    @Flag(help: "Leave out prompts with fewer than 3 words, more than 20, or an emoji.")
    var filter = false
    @Flag(help: "Leave bad lines out and count them by reason; without it the first one ends the command.")
    var skipBad = false
    @Option(help: "Folder for statistics.html and statistics.json; made if missing.")
    var report: String?

    func run() throws {
        let writer = try FeedbackWriter(path: out)
        var statistics = AnnotationStatistics()
        var leftOut = SkipCounts()
        for element in try JSONLines<AnnotatedImage>(path: annotations) {
            do throws(FeedbackDataError) {
                let image = try element.result.get()
                let record: FeedbackRecord
                do throws(FeedbackDataError.Reason) {
                    if filter, let rejection = PromptFilter.rejection(of: image.prompt) {
                        throw .promptFiltered(rejection)
                    }
                    record = try Consolidation.consolidate(image)
                } catch {
                    throw FeedbackDataError(file: annotations, record: element.line, error)
                }
                try writer.write(record)
                statistics.add(image, record)
            } catch {
                guard Self.isChoice(error.reason) || skipBad && error.reason.leavesFileReadable else { throw error }
                leftOut.count(error)
            }
        }
        try writer.finish()
        if let report {
            try makeFolders(report)
            let view = StatisticsReport(statistics: statistics, leftOut: leftOut, source: annotations)
            try WholeFile.write(Array(view.json.text.utf8) + [0x0a], to: "\(report)/statistics.json")
            try WholeFile.write(Array(view.page.utf8), to: "\(report)/statistics.html")
        }
        print("\(out): \(writer.count) records\(leftOut.total == 0 ? "" : "; left out: \(leftOut.summary)")")
    }

    /// True for what the caller or the annotators chose to leave out, which is no fault of the file.
    private static func isChoice(_ reason: FeedbackDataError.Reason) -> Bool {
        switch reason {
        case .skippedByAll, .promptFiltered: true
        default: false
        }
    }
}
