import FoundationEssentials
import Glibc
import RewardMetrics
import RewardTestSupport
import Testing

/// Every measure beside scipy, pysaliency or a plain numpy formula, to 10⁻⁶.
@Suite struct ReferenceTests {
    struct File: Decodable {
        struct Pairs: Decodable {
            var x: [Double]
            var y: [Double]
            var pearson: Double
            var spearman: Double
            var ranks: [Double]
            var mse: Double
        }
        struct Maps: Decodable {
            var width: Int
            var height: Int
            var prediction: [Float]
            var truth: [Float]
            var weights: [Double]
            var mse: Double
            var cc: Double
            var kld: Double
            var sim: Double
            var simMinMax: Double
            var nss: Double
            var aucJudd: Double
            var aucShuffled: Double
        }
        struct Words: Decodable {
            var truth: [Bool]
            var predicted: [Bool]
            var precision: Double
            var recall: Double
            var f1: Double
        }
        var correlations: [Pairs]
        var maps: [Maps]
        var words: [Words]
    }

    private static let file: File = {
        let path = Fixtures.path("RewardMetricsTests", "metrics.json")
        guard let stream = fopen(path, "rb") else { preconditionFailure("\(path) is missing") }
        defer { fclose(stream) }
        var data = Data()
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while case let count = fread(&chunk, 1, chunk.count, stream), count > 0 { data += chunk[..<count] }
        do { return try JSONDecoder().decode(File.self, from: data) } catch { preconditionFailure("\(error)") }
    }()

    private func expect(
        _ actual: Double?, _ expected: Double, _ label: String, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        guard let actual, (actual - expected).magnitude <= 1e-6 else {
            Issue.record(
                "\(label) is \(String(describing: actual)), expected \(expected)", sourceLocation: sourceLocation)
            return
        }
    }

    @Test func correlationsAgreeWithScipy() {
        #expect(Self.file.correlations.count == 4)
        for (index, pairs) in Self.file.correlations.enumerated() {
            expect(Correlation.pearson(pairs.x, pairs.y), pairs.pearson, "pearson \(index)")
            expect(Correlation.spearman(pairs.x, pairs.y), pairs.spearman, "spearman \(index)")
            expect(Correlation.meanSquaredError(pairs.x, pairs.y), pairs.mse, "mse \(index)")
            #expect(Correlation.ranks(pairs.x) == pairs.ranks)
        }
    }

    @Test func mapMeasuresAgreeWithPysaliencyAndScipy() {
        #expect(Self.file.maps.count == 8)
        for (index, maps) in Self.file.maps.enumerated() {
            let (p, g) = (maps.prediction, maps.truth)
            let fixations = SaliencyMetrics.fixations(g)
            expect(SaliencyMetrics.meanSquaredError(p, g), maps.mse, "mse \(index)")
            expect(SaliencyMetrics.correlation(p, g), maps.cc, "cc \(index)")
            expect(SaliencyMetrics.divergence(p, g), maps.kld, "kld \(index)")
            expect(SaliencyMetrics.similarity(p, g, minMax: false), maps.sim, "sim \(index)")
            expect(SaliencyMetrics.similarity(p, g, minMax: true), maps.simMinMax, "sim min-max \(index)")
            expect(SaliencyMetrics.scanpathSaliency(p, fixations: fixations), maps.nss, "nss \(index)")
            expect(SaliencyMetrics.aucJudd(p, fixations: fixations), maps.aucJudd, "auc \(index)")
            expect(
                SaliencyMetrics.aucShuffled(p, fixations: fixations, weights: maps.weights), maps.aucShuffled,
                "shuffled auc \(index)")
        }
    }

    @Test func wordMeasuresAgreeWithTheirFormulas() {
        for words in Self.file.words {
            let counts = DetectionCounts(predicted: words.predicted, truth: words.truth)
            expect(counts.precision, words.precision, "precision")
            expect(counts.recall, words.recall, "recall")
            expect(counts.f1, words.f1, "f1")
        }
        let pooled = DetectionCounts.pooled(
            Self.file.words.map { DetectionCounts(predicted: $0.predicted, truth: $0.truth) })
        let joined = DetectionCounts(
            predicted: Self.file.words.flatMap(\.predicted), truth: Self.file.words.flatMap(\.truth))
        #expect(pooled == joined)
    }
}
