import RewardData
import RewardModel

/// The statistics of annotated images, for people and for programs.
struct StatisticsReport {
    var statistics: AnnotationStatistics
    var leftOut: SkipCounts
    var source: String

    var json: JSON {
        let scores = ScoreKind.allCases.map { kind -> (String, JSON) in
            var fields: [(String, JSON)] = [
                ("mean_in_twelfths", .array(statistics.scores(kind).map(JSON.integer))),
                ("maximum_difference_in_quarters", .array(statistics.differences(kind).map(JSON.integer))),
            ]
            if let perfect = statistics.agreement(kind, within: 0), let good = statistics.agreement(kind, within: 1) {
                fields.append(("perfect_agreement", .number(Float(perfect))))
                fields.append(("good_agreement", .number(Float(good))))
            }
            return (kind.rawValue, .object(fields))
        }
        return .object([
            ("images", .integer(statistics.images)), ("images_compared", .integer(statistics.imagesCompared)),
            ("annotations", .integer(statistics.annotations)),
            ("skipped_annotations", .integer(statistics.skippedAnnotations)),
            ("left_out", .object(leftOut.byReason.sorted { $0.key < $1.key }.map { ($0.key, .integer($0.value)) })),
            ("scores", .object(scores)),
            (
                "words",
                .object([
                    ("total", .integer(statistics.words)), ("misaligned", .integer(statistics.misalignedWords)),
                    ("marked_by_any", .integer(statistics.wordsMarkedByAny)),
                    ("marked_by_all", .integer(statistics.wordsMarkedByAll)),
                ])
            ),
            (
                "empty_maps",
                .object(HeatmapKind.allCases.map { ($0.rawValue, .integer(statistics.imagesWithEmptyMap($0))) })
            ),
        ])
    }

    var page: String {
        var page = HTMLPage(title: "Human feedback: \(source)")
        page.paragraph(
            """
            \(statistics.images) images with \(statistics.annotations) annotations; \
            \(statistics.skippedAnnotations) more annotations were skips.\
            \(leftOut.total == 0 ? "" : " Left out: \(leftOut.summary).")
            """)
        page.heading("Scores")
        page.paragraph("Means over annotators, standardised to [0, 1]; one bar per twelfth.")
        page.plots(
            ScoreKind.allCases.map { kind in
                Plot.histogram(
                    title: kind.rawValue, counts: statistics.scores(kind), labels: [(0, "0"), (6, "0.5"), (12, "1")])
            })
        page.heading("Largest difference between two annotators of an image")
        page.paragraph(
            """
            Over \(statistics.imagesCompared) images with two annotators or more; 0.25 is one step of the five-point \
            scale. Perfect agreement is a difference of 0, good agreement one of 0.25 or less.
            """)
        page.plots(
            ScoreKind.allCases.map { kind in
                Plot.histogram(
                    title: kind.rawValue, counts: statistics.differences(kind),
                    labels: [(0, "0"), (1, "0.25"), (2, "0.5"), (3, "0.75"), (4, "1")])
            })
        page.table(
            TextTable(
                header: ["score", "perfect agreement", "good agreement"],
                rows: ScoreKind.allCases.map { kind in
                    [kind.rawValue] + [0, 1].map { steps in Self.share(statistics.agreement(kind, within: steps)) }
                }))
        page.heading("Words and maps")
        page.table(
            TextTable(
                header: ["", "count", "share"],
                rows: [
                    ["words", "\(statistics.words)", ""],
                    row("misaligned by majority", statistics.misalignedWords, of: statistics.words),
                    row("marked by all, of those marked", statistics.wordsMarkedByAll, of: statistics.wordsMarkedByAny),
                ]
                    + HeatmapKind.allCases.map { kind in
                        row(
                            "images without \(kind.rawValue)", statistics.imagesWithEmptyMap(kind),
                            of: statistics.images)
                    }))
        return page.text
    }

    private func row(_ name: String, _ part: Int, of whole: Int) -> [String] {
        [name, "\(part)", Self.share(whole == 0 ? nil : Double(part) / Double(whole))]
    }

    private static func share(_ value: Double?) -> String {
        value.map { "\(decimal($0 * 100, 1)) %" } ?? "none"
    }
}
