<?php include 'head.php'; ?>
<div class="c">
    <h2>Rates</h2>
    <?php if ($a > 1): ?>
    <p>Parcels cost <?= $b ?>nine euros.</p>
    <?php endif; ?>
</div>
<?php echo "<p>bye</p>";
