import RewardData
import RewardMetrics
import RewardModel

/// The measures of all records, and the paper's tables made from them.
struct Evaluation: Sendable {
    var samples: [SampleMeasures] = []
    var bootstrap: Bootstrap

    /// The paper's Tables 1 to 4.
    func tables() -> [MeasureTable] {
        [scoreTable(), mapTable(), wordTable()]
    }

    /// Table 1.
    func scoreTable() -> MeasureTable {
        let rows = ScoreKind.allCases.map { kind -> MeasureTable.Row in
            let truth = samples.map { Double($0.truth[kind]) }
            let predicted = samples.map { Double($0.predicted[kind]) }
            func over(_ measure: @escaping ([Double], [Double]) -> Double?) -> Estimate? {
                estimate(Array(samples.indices)) { drawn in
                    measure(drawn.map { predicted[$0] }, drawn.map { truth[$0] })
                }
            }
            return .init(
                key: kind.rawValue, title: kind.rawValue,
                cells: [over(Correlation.pearson), over(Correlation.spearman), over(Correlation.meanSquaredError)])
        }
        return MeasureTable(
            key: "scores", title: "Scores", note: "Over all records.",
            columns: [
                .init(key: "plcc", title: "PLCC"), .init(key: "srcc", title: "SRCC"),
                .init(key: "mse", title: "MSE", places: 4),
            ], rows: rows)
    }

    /// Tables 2 and 3.
    func mapTable() -> MeasureTable {
        let rows = HeatmapKind.allCases.map { kind -> MeasureTable.Row in
            let maps = samples.map { $0.maps[kind] }
            let marked = maps.count { $0?.isEmpty == false }
            return .init(
                key: kind.rawValue, title: "\(kind.rawValue), \(marked) of \(maps.count { $0 != nil }) not empty",
                cells: [
                    mean(maps.map { $0?.meanSquaredError }),
                    mean(maps.map { $0.flatMap { $0.isEmpty ? $0.meanSquaredError : nil } }),
                    mean(maps.map { $0?.correlation }), mean(maps.map { $0?.divergence }),
                    mean(maps.map { $0?.similarity }), mean(maps.map { $0?.similarityMinMax }),
                    mean(maps.map { $0?.scanpathSaliency }), mean(maps.map { $0?.aucJudd }),
                    mean(maps.map { $0?.aucShuffled }),
                ])
        }
        return MeasureTable(
            key: "heatmaps", title: "Heatmaps",
            note: """
                Means over records, at the ground truth's size (predictions are resampled bilinearly). MSE over all records \
                and over those with an empty ground truth; the rest over those with a non-empty one. SIM of maps divided by \
                their sums, and SIM mm of maps first rescaled to [0, 1], as MIT's code does. Shuffled AUC takes as negatives \
                the places where other images of the set are marked.
                """,
            columns: [
                .init(key: "mse", title: "MSE", places: 5), .init(key: "mse_empty", title: "MSE empty", places: 5),
                .init(key: "cc", title: "CC"), .init(key: "kld", title: "KLD"), .init(key: "sim", title: "SIM"),
                .init(key: "sim_min_max", title: "SIM mm"), .init(key: "nss", title: "NSS"),
                .init(key: "auc_judd", title: "AUC-Judd"), .init(key: "auc_shuffled", title: "shuffled AUC"),
            ], rows: rows)
    }

    /// Table 4.
    func wordTable() -> MeasureTable {
        let counts = samples.map(\.words)
        func pooled(_ measure: @escaping (DetectionCounts) -> Double) -> Estimate? {
            estimate(Array(samples.indices)) { drawn in measure(.pooled(drawn.lazy.map { counts[$0] })) }
        }
        func single(_ measure: (DetectionCounts) -> Double) -> Estimate? { mean(counts.map(measure)) }
        return MeasureTable(
            key: "words", title: "Misaligned words",
            note: """
                Pooled: words of all records counted together, as in the paper. Per record: means of each record's own \
                measures, 0 for a record without a misaligned or flagged word, as in the first author's port.
                """,
            columns: [
                .init(key: "precision", title: "precision"), .init(key: "recall", title: "recall"),
                .init(key: "f1", title: "F1"),
            ],
            rows: [
                .init(key: "pooled", title: "pooled", cells: [pooled(\.precision), pooled(\.recall), pooled(\.f1)]),
                .init(
                    key: "per_record", title: "per record",
                    cells: [single(\.precision), single(\.recall), single(\.f1)]),
            ])
    }

    /// The mean of the values that are there.
    func mean(_ values: [Double?]) -> Estimate? {
        estimate(values.indices.filter { values[$0] != nil }) { drawn in
            drawn.isEmpty ? nil : drawn.reduce(0) { $0 + (values[$1] ?? 0) } / Double(drawn.count)
        }
    }

    /// A statistic of some of the samples. Records of one group are drawn together.
    func estimate(_ indices: [Int], _ statistic: ([Int]) -> Double?) -> Estimate? {
        guard let value = statistic(indices) else { return nil }
        var units: [String: Int] = [:]
        var members: [[Int]] = []
        for index in indices {
            let unit = samples[index].unit
            if let position = units[unit] {
                members[position].append(index)
            } else {
                units[unit] = members.count
                members.append([index])
            }
        }
        return Estimate(
            value: value, interval: bootstrap.interval(units: members, statistic: statistic), count: indices.count)
    }
}
