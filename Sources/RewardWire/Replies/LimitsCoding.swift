import RewardImage

extension WireLimits {
    init(_ limits: MessageLimits, _ queue: ReplyWriter.QueueLimits, maxTokens: Int) {
        self.init()
        maxMessageBytes = UInt64(limits.maxMessageBytes)
        maxFrames = UInt32(clamping: limits.maxFrames)
        maxHeaderBytes = UInt64(limits.maxHeaderBytes)
        maxItems = UInt32(clamping: limits.maxItems)
        maxRequestIDBytes = UInt32(clamping: limits.maxRequestIDBytes)
        maxImageSide = UInt32(clamping: limits.image.maxSide)
        maxImagePixels = UInt64(limits.image.maxPixels)
        maxPromptBytes = UInt32(clamping: limits.maxPromptBytes)
        maxPromptWords = UInt32(clamping: limits.maxPromptWords)
        maxPromptTokens = UInt32(clamping: maxTokens)
        maxHeatmapTerms = UInt32(clamping: limits.maxHeatmapTerms)
        maxBatch = UInt32(clamping: queue.maxBatch)
        maxQueuedItems = UInt32(clamping: queue.maxQueuedItems)
        maxQueuedBytes = UInt64(queue.maxQueuedBytes)
        maxClients = UInt32(clamping: queue.maxClients)
        maxUnreadBytes = UInt64(queue.maxUnreadBytes)
        maxWrongPerSecond = UInt32(clamping: queue.maxWrongPerSecond)
        maxPartialBytes = UInt64(queue.maxPartialBytes)
    }
}
