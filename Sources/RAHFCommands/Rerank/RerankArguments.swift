import ArgumentParser

/// The guardrails of a rerank. Defaults and their reasons: `RerankOptions`.
struct RerankArguments: ParsableArguments {
    @Option(help: "How far a repaint's alignment may fall below the original's.")
    var alignmentTolerance = RerankOptions().alignmentTolerance
    @Option(help: "Levels of 255 by which a pixel outside the mask may differ and still count as unchanged.")
    var outsideTolerance = RerankOptions().outsideTolerance
    @Option(help: "Share of the pixels outside the mask that may have changed, 0 to 1.")
    var outsideShare = RerankOptions().outsideShare

    func options() throws -> RerankOptions {
        guard alignmentTolerance >= 0, alignmentTolerance <= 1 else {
            throw ValidationError("--alignment-tolerance is 0 to 1")
        }
        guard (0...255).contains(outsideTolerance) else { throw ValidationError("--outside-tolerance is 0 to 255") }
        guard outsideShare >= 0, outsideShare <= 1 else { throw ValidationError("--outside-share is 0 to 1") }
        var options = RerankOptions()
        options.alignmentTolerance = alignmentTolerance
        options.outsideTolerance = outsideTolerance
        options.outsideShare = outsideShare
        return options
    }
}
